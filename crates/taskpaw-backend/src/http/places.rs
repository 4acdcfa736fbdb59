//! Who is connected to a port, and who must go when there are too many: never one that has shown the right token for one
//! that has shown nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// From where a connection comes, as far as its mistakes are counted: who can have one address can have all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Neighbourhood {
    /// This machine, whichever of its addresses was used.
    Here,
    /// Another machine.
    Address(IpAddr),
    /// One household has a whole /64 of IPv6 addresses: its first 64 bits.
    Household(u64),
}

impl Neighbourhood {
    /// Of a connection between these addresses: a machine talks to an address of its own from that same address.
    pub(super) fn of(peer: IpAddr, own: Option<IpAddr>) -> Self {
        let peer = peer.to_canonical();
        if peer.is_loopback() || own.is_some_and(|own| own.to_canonical() == peer) {
            return Self::Here;
        }
        match peer {
            IpAddr::V4(_) => Self::Address(peer),
            IpAddr::V6(address) => Self::Household((address.to_bits() >> 64) as u64),
        }
    }
}

/// What a connection has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing, or nothing right.
    Stranger,
    /// The token of the port, or it asked where none is needed.
    Guest,
    /// The token of the launch.
    App,
}

impl Standing {
    /// The most connections of each kind that may be open on one port. None takes a place of another kind.
    const fn most(self) -> usize {
        match self {
            // Several times what is accepted in a row, so that each has been heard before it can be the oldest.
            Self::Stranger => 160,
            Self::Guest => 160,
            // An app has a handful: its calls, and a stream or two.
            Self::App => 64,
        }
    }
}

/// The places of one port.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seats: BTreeMap<u64, Seat>,
    /// Grows with each arrival and each request: the smallest number is the oldest.
    clock: u64,
}

#[derive(Debug)]
struct Seat {
    standing: Standing,
    from: Neighbourhood,
    /// When it was last of use.
    used: u64,
    goes: Arc<Notify>,
}

/// The place of one connection. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shown: Shown,
    goes: Arc<Notify>,
}

/// By which a request says what its connection has shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    places: Places,
    id: u64,
    /// Where it comes from.
    pub(super) from: Neighbourhood,
}

impl Places {
    /// A place for one more. The client that has shown nothing and came first from the most crowded place goes for it, if there
    /// are too many.
    pub(super) fn admit(&self, from: Neighbourhood) -> Place {
        let mut state = self.lock();
        state.clock += 1;
        let id = state.clock;
        let goes = Arc::new(Notify::new());
        let seat = Seat { standing: Standing::Stranger, from, used: id, goes: goes.clone() };
        state.seats.insert(id, seat);
        state.make_room(Standing::Stranger, id);
        drop(state);
        Place { shown: Shown { places: self.clone(), id, from }, goes }
    }

    /// Whether somebody who has shown nothing must go for the next client.
    pub(super) fn are_crowded(&self) -> bool {
        self.lock().count(Standing::Stranger) >= Standing::Stranger.most()
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self, standing: Standing) -> usize {
        self.seats.values().filter(|seat| seat.standing == standing).count()
    }

    /// Has one of this standing go if there are too many, but never the one that has just come.
    fn make_room(&mut self, standing: Standing, newest: u64) {
        if self.count(standing) <= standing.most() {
            return;
        }
        let mut crowds: BTreeMap<Neighbourhood, (usize, u64, u64)> = BTreeMap::new();
        for (&id, seat) in self.seats.iter().filter(|(id, seat)| seat.standing == standing && **id != newest)
        {
            let crowd = crowds.entry(seat.from).or_insert((0, u64::MAX, id));
            crowd.0 += 1;
            if seat.used < crowd.1 {
                (crowd.1, crowd.2) = (seat.used, id);
            }
        }
        let largest = crowds.into_values().max_by_key(|(number, oldest, _)| (*number, u64::MAX - oldest));
        if let Some(seat) = largest.and_then(|(_, _, id)| self.seats.remove(&id)) {
            seat.goes.notify_one();
        }
    }
}

impl Place {
    /// For the requests of this connection.
    pub(super) fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// What it has shown so far.
    pub(super) fn standing(&self) -> Standing {
        let state = self.shown.places.lock();
        state.seats.get(&self.shown.id).map_or(Standing::Stranger, |seat| seat.standing)
    }

    /// Waits until it has to go.
    pub(super) async fn goes(&self) {
        self.goes.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shown.places.lock().seats.remove(&self.shown.id);
    }
}

impl Shown {
    /// The connection has shown this. It never counts for less than before.
    pub(super) fn show(&self, standing: Standing) {
        let mut state = self.places.lock();
        state.clock += 1;
        let used = state.clock;
        let Some(seat) = state.seats.get_mut(&self.id) else { return };
        seat.used = used;
        if standing > seat.standing {
            seat.standing = standing;
            state.make_room(standing, self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Neighbourhood = Neighbourhood::Here;

    fn goes(place: &Place) -> bool {
        !place.shown.places.lock().seats.contains_key(&place.shown.id)
    }

    #[test]
    fn who_has_shown_nothing_goes_first_and_the_oldest_of_them() {
        let places = Places::default();
        let (app, guest) = (places.admit(HERE), places.admit(HERE));
        app.shown().show(Standing::App);
        guest.shown().show(Standing::Guest);
        let strangers: Vec<Place> = (0..Standing::Stranger.most()).map(|_| places.admit(HERE)).collect();
        assert!(!strangers.iter().any(goes));
        assert!(places.are_crowded());
        let new = places.admit(HERE);
        assert_eq!(
            [&strangers[0], &strangers[1], &new, &guest, &app].map(goes),
            [true, false, false, false, false]
        );
        // What it has shown stays shown.
        app.shown().show(Standing::Guest);
        assert_eq!((app.standing(), new.standing()), (Standing::App, Standing::Stranger));
    }

    #[test]
    fn a_crowd_pushes_out_its_own_and_nobody_elses() {
        let places = Places::default();
        let other = places.admit(Neighbourhood::of("192.168.1.9".parse().unwrap(), None));
        let crowd = Neighbourhood::of("fd00::1".parse().unwrap(), None);
        let crowd: Vec<Place> = (0..1_000).map(|_| places.admit(crowd)).collect();
        assert!(!goes(&other));
        assert_eq!(crowd.iter().filter(|place| !goes(place)).count(), Standing::Stranger.most() - 1);
    }

    #[test]
    fn guests_and_apps_are_bounded_too_and_give_their_places_back() {
        let places = Places::default();
        for standing in [Standing::Guest, Standing::App] {
            let all: Vec<Place> = (0..=standing.most())
                .map(|_| {
                    let place = places.admit(HERE);
                    place.shown().show(standing);
                    place
                })
                .collect();
            // The first one has just asked again, so the second one is of least use.
            assert!(goes(&all[0]) && !goes(&all[1]));
            all[1].shown().show(standing);
            let last = places.admit(HERE);
            last.shown().show(standing);
            assert!(!goes(&all[1]) && goes(&all[2]));
        }
        assert!(places.lock().seats.is_empty());
    }

    #[test]
    fn the_machines_own_addresses_are_its_own_and_a_household_is_one() {
        let of = |peer: &str, own: &str| Neighbourhood::of(peer.parse().unwrap(), own.parse().ok());
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.9"] {
            assert_eq!(of(own, ""), HERE, "{own}");
        }
        assert_eq!(of("192.168.1.5", "192.168.1.5"), HERE);
        assert_eq!(of("fd00::5", "fd00::5"), HERE);
        assert_eq!(of("fd00::66", "fd00::5"), of("fd00::2:3", "fd00::5"));
        assert_ne!(of("fd00::66", "fd00::5"), of("fd00:0:0:1::66", "fd00::5"));
        assert_ne!(of("192.168.1.5", "192.168.1.6"), of("192.168.1.7", "192.168.1.6"));
    }
}
