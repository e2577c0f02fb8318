//! Tells somebody else's server when sessions begin and end, signed as Standard Webhooks 1.0 has it.
//!
//! A message is on the disk before its room counts it as told, and is sent until it is taken, later each
//! time, under one id: it may arrive twice, and out of order. See `docs/OPERATIONS.md`.

mod keeper;
mod queue;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palabre_ids::UnixMillis;
use palabre_signaling::{Counter, Exported as _, Herald, Milestone, News};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep_until, timeout};

use crate::outgoing;
use crate::settings::Secret;
use keeper::Keeper;
use queue::{Message, Queue};

/// A server that has not answered by then is asked again. It holds up our own end by as much.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a process before this one left is looked for so often: one that took rooms over and died leaves
/// messages to the one that goes on.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// At the end the disk may take so long to forget what was delivered. What it does not forget comes again.
const SETTLE_PATIENCE: Duration = Duration::from_secs(1);

/// Where messages wait, in the data directory.
const DIRECTORY: &str = "webhook";

/// Whom to tell, and what to sign with.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret: Secret,
}

/// What became of the messages.
#[derive(Debug, Default, Clone)]
pub(crate) struct WebhookMetrics {
    delivered: Counter,
    failed: Counter,
    given_up: Counter,
    not_kept: Counter,
    waiting: Gauge<u64, AtomicU64>,
}

impl WebhookMetrics {
    pub(crate) fn export(&self, registry: &mut Registry) {
        let help = "Messages to the webhook that were taken";
        self.delivered.export("palabre_webhook_messages_delivered_total", help, registry);
        let help = "Attempts to deliver a message to the webhook that failed";
        self.failed.export("palabre_webhook_attempts_failed_total", help, registry);
        let help = "Messages to the webhook that were given up";
        self.given_up.export("palabre_webhook_messages_given_up_total", help, registry);
        let help = "Messages to the webhook that the disk did not take: they wait in memory alone";
        self.not_kept.export("palabre_webhook_messages_not_kept_total", help, registry);
        let help = "Messages to the webhook that wait to be taken";
        registry.register("palabre_webhook_messages_waiting", help, self.waiting.clone());
    }
}

/// The body of a message.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    /// Milliseconds since 1970.
    at: u64,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    room: &'a str,
    template: &'a str,
    seats: u8,
    started_at: Option<u64>,
}

fn body(news: &News) -> String {
    let kind = match news.what {
        Milestone::Started => "room.started",
        Milestone::Ended => "room.ended",
    };
    let data = Data {
        room: news.room.as_str(),
        template: &news.template,
        seats: news.seats,
        started_at: news.started_at.map(|at| at.0),
    };
    let body = Body { r#type: kind, at: news.at.0, data };
    serde_json::to_string(&body).expect("plain values make JSON")
}

/// The message's id, which is of the room and what it passed: news that are told again make the same.
fn id(news: &News) -> String {
    let what = match news.what {
        Milestone::Started => "started",
        Milestone::Ended => "ended",
    };
    format!("msg_{what}_{}", news.room.as_str())
}

/// The value of `webhook-signature`: of id, time of the attempt (seconds since 1970) and body.
fn signature(key: &hmac::Key, id: &str, timestamp: u64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

/// A secret as others hand it out, `whsec_` and base64, or any text.
fn key(secret: &Secret) -> hmac::Key {
    let bytes = secret.0.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    hmac::Key::new(hmac::HMAC_SHA256, &bytes.unwrap_or_else(|| secret.0.clone().into_bytes()))
}

/// The time, since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Makes requests.
struct Sender {
    agent: ureq::Agent,
    url: String,
    key: hmac::Key,
}

impl Sender {
    fn new(webhook: &Webhook) -> Self {
        Self {
            agent: outgoing::agent(PATIENCE),
            url: webhook.url.clone(),
            key: key(&webhook.secret),
        }
    }

    /// Whether it was taken. Blocks for [`PATIENCE`] at most.
    fn send(&self, message: &Message) -> bool {
        let timestamp = now().as_secs();
        let sent = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header(
                "webhook-signature",
                signature(&self.key, &message.id, timestamp, &message.body),
            )
            .send(&message.body);
        sent.is_ok_and(|answer| answer.status().is_success())
    }
}

/// Takes the news of rooms, and delivers them.
pub(crate) struct Deliveries {
    sender: Arc<Sender>,
    keeper: Keeper,
    heard: mpsc::UnboundedReceiver<Message>,
    queue: Queue,
    metrics: WebhookMetrics,
}

impl Deliveries {
    /// Deliveries by way of a data directory.
    pub(crate) fn new(
        webhook: &Webhook,
        data: &Path,
        metrics: WebhookMetrics,
    ) -> std::io::Result<Self> {
        let (keeper, heard) = Keeper::start(data.join(DIRECTORY), metrics.clone())?;
        let sender = Arc::new(Sender::new(webhook));
        Ok(Self { sender, keeper, heard, queue: Queue::default(), metrics })
    }

    /// What rooms tell their news.
    pub(crate) fn herald(&self) -> Arc<dyn Herald> {
        Arc::new(self.keeper.clone())
    }

    /// Delivers until `stop` says so. What waits on the disk is another server's until this is the `only`
    /// one.
    pub(crate) async fn run(
        mut self,
        mut only: watch::Receiver<bool>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut looks = interval(LOOK_EVERY);
        // An error means that the server itself is gone.
        while !*stop.borrow() {
            if let Some(attempt) = self.queue.take(Instant::now()) {
                self.send(attempt).await;
                continue;
            }
            let due = self.queue.next();
            let next = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let is_only = *only.borrow_and_update();
            tokio::select! {
                heard = self.heard.recv() => match heard {
                    Some(message) => self.add(message),
                    None => break,
                },
                () = next => {}
                _ = looks.tick(), if is_only => {
                    for message in self.keeper.look().await {
                        self.add(message);
                    }
                }
                Ok(()) = only.changed() => {}
                () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
            }
        }
        let _ = timeout(SETTLE_PATIENCE, self.keeper.settle()).await;
        if self.queue.len() > 0 {
            tracing::warn!(
                messages = self.queue.len(),
                "messages to the webhook wait for the next start"
            );
        }
    }

    fn add(&mut self, message: Message) {
        if let Some(oldest) = self.queue.add(message, Instant::now()) {
            tracing::warn!("too many messages wait for the webhook: the oldest is given up");
            self.give_up(oldest);
        }
        self.metrics.waiting.set(self.queue.len() as u64);
    }

    async fn send(&mut self, attempt: queue::Attempt) {
        let (sender, message) = (Arc::clone(&self.sender), attempt.message.clone());
        // A panic there is a failure like another.
        let sent = tokio::task::spawn_blocking(move || sender.send(&message)).await;
        if sent.unwrap_or(false) {
            self.metrics.delivered.add();
            self.keeper.drop(attempt.message.id);
        } else {
            self.metrics.failed.add();
            let time = UnixMillis(u64::try_from(now().as_millis()).unwrap_or(u64::MAX));
            if let Some(message) = self.queue.failed(attempt, Instant::now(), time) {
                tracing::warn!("the webhook took no message for half a day: one is given up");
                self.give_up(message);
            }
        }
        self.metrics.waiting.set(self.queue.len() as u64);
    }

    fn give_up(&self, message: Message) {
        self.metrics.given_up.add();
        self.keeper.drop(message.id);
    }
}

#[cfg(test)]
mod tests {
    use palabre_ids::RoomId;

    use super::*;

    #[test]
    fn a_signature_is_as_the_standard_has_it() {
        // The example of the specification.
        let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signed = signature(
            &key(&secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_body_says_what_and_where_and_nobodys_name() {
        let started_at = UnixMillis(1_789_000_000_000);
        let news = News {
            what: Milestone::Started,
            room: RoomId::parse("abcd-efgh-ijkl").expect("a room"),
            template: "codev-1h15".to_owned(),
            seats: 8,
            at: started_at,
            started_at: Some(started_at),
        };
        let expected = r#"{"type":"room.started","at":1789000000000,"data":{"room":"abcd-efgh-ijkl","template":"codev-1h15","seats":8,"started_at":1789000000000}}"#;
        assert_eq!(
            (id(&news).as_str(), body(&news).as_str()),
            ("msg_started_abcd-efgh-ijkl", expected)
        );
        let never = News { what: Milestone::Ended, started_at: None, ..news };
        let expected = r#"{"type":"room.ended","at":1789000000000,"data":{"room":"abcd-efgh-ijkl","template":"codev-1h15","seats":8,"started_at":null}}"#;
        assert_eq!(
            (id(&never).as_str(), body(&never).as_str()),
            ("msg_ended_abcd-efgh-ijkl", expected)
        );
    }
}
