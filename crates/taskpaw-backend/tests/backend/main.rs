//! The real program, as a host or a server starts it.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod client;
#[cfg(test)]
mod control;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod discovery;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod disk;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod first;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod hub_calls;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod installation;
#[cfg(test)]
mod life;
#[cfg(test)]
mod load;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod monitors;
#[cfg(test)]
mod openapi;
#[cfg(test)]
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod passing;
#[cfg(test)]
#[expect(unreachable_pub, reason = "public where the real-process tests share it")]
#[path = "../../../../tests/support/ports.rs"]
mod ports;
#[cfg(test)]
mod power;
#[cfg(test)]
#[cfg(unix)]
mod remember;
#[cfg(test)]
mod running;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod shut_out;
#[cfg(test)]
mod startup;
#[cfg(test)]
#[cfg(unix)]
mod stop;
#[cfg(test)]
mod taken_over;
#[cfg(test)]
mod v3;
