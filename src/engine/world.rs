//! The part of the engine that a session may read.

use super::offer::Fit;
use super::peer::Peer;
use super::time::Time;
use crate::hub::Hub;
use crate::id::ConnId;
use crate::limits::Limits;
use crate::now::{Now, Tick};
use crate::secret::Secrets;
use crate::session::{Service, View};
use std::rc::Rc;
use std::time::Duration;

/// The hub, the limits, the services and the time.
///
/// Invariants: the hub has the limits in force; the services keep their number and order, because
/// peers name their service by its index.
#[derive(Debug)]
pub(super) struct World {
    hub: Hub,
    limits: Rc<Limits>,
    services: Vec<Service>,
    /// The kind of transport of each service's peers; empty if all take bytes.
    fits: Vec<Fit>,
    time: Time,
}

impl World {
    /// Creates a world without peers. See [`Hub::new`] for `secrets`.
    pub(super) fn new(limits: Limits, services: Vec<Service>, secrets: Secrets) -> Self {
        let limits = Rc::new(limits);
        let mut hub = Hub::new(Rc::clone(&limits), secrets);
        for room in services.iter().filter_map(Service::common_room) {
            hub.keep_common(room);
        }
        Self { hub, limits, services, fits: Vec::new(), time: Time::default() }
    }

    /// Returns the hub.
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the hub, mutable. The engine carries out its events before it does anything else.
    pub(super) fn hub_mut(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// Returns the limits in force.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the service of this index.
    pub(super) fn service(&self, index: usize) -> Option<&Service> {
        self.services.get(index)
    }

    /// Returns the service that a peer connected to.
    pub(super) fn service_of(&self, peer: &Peer) -> Option<&Service> {
        self.services.get(usize::from(peer.service))
    }

    /// Sets the kind of transport of a service's peers.
    pub(super) fn set_fit(&mut self, service: usize, fit: Fit) {
        self.fits.resize(self.services.len(), Fit::Bytes);
        if let Some(known) = self.fits.get_mut(service) {
            *known = fit;
        }
    }

    /// True if every transport takes bytes.
    pub(super) fn has_only_bytes(&self) -> bool {
        self.fits.is_empty()
    }

    /// Returns the kind of a peer's transport.
    pub(super) fn fit_of(&self, peer: &Peer) -> Fit {
        self.fits.get(usize::from(peer.service)).copied().unwrap_or_default()
    }

    /// Returns the view of a peer's session. `service` is the index of the peer's service.
    pub(super) fn view(&self, conn: ConnId, service: u8, now: Now) -> Option<View<'_>> {
        let Self { hub, limits, services, .. } = self;
        let service = services.get(usize::from(service))?;
        let Now { unix_ms, running } = now;
        Some(View { hub, limits, service, conn, unix_ms, running })
    }

    /// Puts other limits in force, and other options of the same services.
    pub(super) fn reconfigure(&mut self, services: Vec<Service>, limits: Limits) {
        debug_assert_eq!(services.len(), self.services.len());
        for (service, other) in self.services.iter_mut().zip(services) {
            service.adopt(other);
        }
        self.limits = Rc::new(limits);
        self.hub.reconfigure(Rc::clone(&self.limits));
    }

    /// Records that the loop woke up. `due` is the deadline that it slept for, if there was one.
    pub(super) fn wake(&mut self, now: Now, due: Option<Duration>) {
        self.time.wake(now, due);
    }

    /// Converts the loop's time to the engine's, which excludes the time during which the process
    /// did not run.
    pub(super) fn lived(&self, now: Now) -> Now {
        self.time.lived(now)
    }

    /// Returns the time of the last wake-up, less the time during which the process did not run.
    pub(super) fn now(&self) -> Now {
        self.time.now()
    }

    /// Returns a deadline as the loop's time.
    pub(super) fn told(&self, deadline: Tick) -> Duration {
        self.time.told(deadline)
    }

    /// Checks the invariants of the hub, of the time, and between peers and services.
    ///
    /// # Panics
    /// When one does not hold.
    pub(super) fn assert_invariants<'p>(&self, peers: impl Iterator<Item = &'p Peer>) {
        self.hub.assert_sound();
        self.time.assert_invariants();
        for peer in peers {
            assert!(self.service_of(peer).is_some(), "{} came to a service", peer.id);
        }
    }
}
