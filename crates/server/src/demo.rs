//! The ready-made room of a server on one's own machine.

use std::sync::Arc;

use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Role, RoomId};
use palabre_room::{PersonConfig, RoomConfig};
use palabre_signaling::{CreateError, Service};
use tokio::sync::Mutex;

/// Who is invited: the facilitator, the client and six consultants.
const PEOPLE: [(&str, Role); 8] = [
    ("Camille", Role::Facilitator),
    ("Laura", Role::Client),
    ("Noé", Role::Consultant),
    ("Inès", Role::Consultant),
    ("Amadou", Role::Consultant),
    ("Sofia", Role::Consultant),
    ("Yann", Role::Consultant),
    ("Mei", Role::Consultant),
];

/// The demo room: the one there is, or a new one. `lock` keeps two callers from making two.
pub(crate) async fn room(service: &Service, lock: &Mutex<()>) -> Result<RoomId, CreateError> {
    let _held = lock.lock().await;
    if let Some(room) = service.demo_room() {
        return Ok(room);
    }
    let people = PEOPLE.map(|(name, role)| PersonConfig {
        name: DisplayName::parse(name).expect("the names above are names"),
        role,
        expert: false,
    });
    let template = Template::builtin("codev-1h15").expect("it ships");
    let config = RoomConfig {
        template: Arc::new(template),
        language: Language::Fr,
        people: people.to_vec(),
    };
    service.create_room(config, true).await
}
