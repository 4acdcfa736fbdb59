//! The real program, as a host or a server starts it.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod client;
#[cfg(test)]
mod control;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod monitors;
#[cfg(test)]
mod running;
#[cfg(test)]
mod startup;
#[cfg(test)]
#[cfg(unix)]
mod stop;
