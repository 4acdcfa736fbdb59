//! x
use port_takeover::journal::*;
use ts_rs::TS;
fn main() { let c = ts_rs::Config::default(); println!("{}\n{}\n{}\n{}", Record::decl(&c), RecordedHolder::decl(&c), Done::decl(&c), port_takeover::RuleName::decl(&c)); }
