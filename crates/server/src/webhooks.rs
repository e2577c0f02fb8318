//! Tells somebody else's server when sessions begin and end, signed as Standard Webhooks 1.0 has it.
//!
//! A message that is not taken is sent again, later each time, under the same id: it may arrive twice,
//! and out of order. What still waits when this server ends is lost; the room is not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use palabre_signaling::{Counter, Exported as _, Milestone, News};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::outgoing;
use crate::settings::Secret;

/// A server that has not answered by then is asked again. It holds up our own end by as much.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pauses before each further attempt. A receiver that is down over a night still hears of it.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(4 * 3_600),
    Duration::from_secs(8 * 3_600),
];

/// Messages that wait at most: some hundred bytes each. Beyond it the oldest are given up.
const MOST: usize = 10_000;

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
}

impl WebhookMetrics {
    pub(crate) fn export(&self, registry: &mut Registry) {
        let help = "Messages to the webhook that were taken";
        self.delivered.export("palabre_webhook_messages_delivered_total", help, registry);
        let help = "Attempts to deliver a message to the webhook that failed";
        self.failed.export("palabre_webhook_attempts_failed_total", help, registry);
        let help = "Messages to the webhook that were given up";
        self.given_up.export("palabre_webhook_messages_given_up_total", help, registry);
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
}

fn body(news: &News) -> String {
    let kind = match news.what {
        Milestone::Started => "room.started",
        Milestone::Ended => "room.ended",
    };
    let data = Data { room: news.room.as_str(), template: &news.template, seats: news.seats };
    let body = Body { r#type: kind, at: news.at.0, data };
    serde_json::to_string(&body).expect("plain values make JSON")
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    /// The same at every attempt: a receiver knows by it what it has.
    id: String,
    body: String,
    /// Attempts that failed.
    failures: usize,
    due: Instant,
}

/// What waits to be sent.
#[derive(Debug, Default)]
struct Queue(VecDeque<Message>);

impl Queue {
    /// Adds one that is due at once; gives back how many were given up for it.
    fn add(&mut self, id: String, body: String, now: Instant) -> u64 {
        let given_up = u64::from(self.0.len() >= MOST && self.0.pop_front().is_some());
        self.0.push_back(Message { id, body, failures: 0, due: now });
        given_up
    }

    /// When the next one is due.
    fn next(&self) -> Option<Instant> {
        self.0.iter().map(|message| message.due).min()
    }

    /// One that is due.
    fn take(&mut self, now: Instant) -> Option<Message> {
        let due = self.0.iter().position(|message| message.due <= now)?;
        self.0.remove(due)
    }

    /// One was not taken: whether it is tried again.
    fn failed(&mut self, mut message: Message, now: Instant) -> bool {
        let pause = PAUSES.get(message.failures);
        message.failures += 1;
        if let Some(pause) = pause {
            message.due = now + *pause;
            self.0.push_back(message);
        }
        pause.is_some()
    }
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

fn new_id() -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system has randomness");
    format!("msg_{}", URL_SAFE_NO_PAD.encode(bytes))
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
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let timestamp = since_1970.unwrap_or_default().as_secs();
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

/// Delivers news until `stop` says so.
pub(crate) async fn deliver(
    webhook: Webhook,
    mut news: mpsc::UnboundedReceiver<News>,
    metrics: WebhookMetrics,
    mut stop: watch::Receiver<bool>,
) {
    let sender = Arc::new(Sender::new(&webhook));
    let mut queue = Queue::default();
    loop {
        while let Some(message) = queue.take(Instant::now()) {
            let (of, sent) = (Arc::clone(&sender), message.clone());
            // A panic there is a failure like another.
            let taken = tokio::task::spawn_blocking(move || of.send(&sent)).await.unwrap_or(false);
            if taken {
                metrics.delivered.add();
                continue;
            }
            metrics.failed.add();
            if !queue.failed(message, Instant::now()) {
                metrics.given_up.add();
                tracing::warn!("the webhook took no message for half a day: one is given up");
            }
            if *stop.borrow() {
                break;
            }
        }
        let next = async {
            match queue.next() {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            heard = news.recv() => match heard {
                Some(news) => {
                    metrics.given_up.add_many(queue.add(new_id(), body(&news), Instant::now()));
                }
                None => break,
            },
            () = next => {}
            // An error means that the server itself is gone.
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    if !queue.0.is_empty() {
        tracing::warn!(messages = queue.0.len(), "the webhook did not take them all");
    }
}

#[cfg(test)]
mod tests {
    use palabre_ids::{RoomId, UnixMillis};

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
        let room = RoomId::parse("abcd-efgh-ijkl").expect("a room");
        let template = "codev-1h15".to_owned();
        let at = UnixMillis(1_789_000_000_000);
        let news = News { what: Milestone::Started, room, template, seats: 8, at };
        let expected = r#"{"type":"room.started","at":1789000000000,"data":{"room":"abcd-efgh-ijkl","template":"codev-1h15","seats":8}}"#;
        assert_eq!(body(&news), expected);
    }

    #[test]
    fn what_is_not_taken_is_tried_again_later_each_time_and_given_up_in_the_end() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        queue.add("a".to_owned(), "{}".to_owned(), start);
        let mut now = start;
        for pause in PAUSES {
            let message = queue.take(now).expect("it is due");
            assert_eq!(queue.take(now), None);
            assert!(queue.failed(message, now));
            assert_eq!(queue.next(), Some(now + pause));
            assert_eq!(queue.take(now + pause - Duration::from_millis(1)), None, "not yet");
            now += pause;
        }
        let last = queue.take(now).expect("it is due");
        assert!(!queue.failed(last, now));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn one_that_waits_does_not_hold_up_the_next_and_memory_is_bounded() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add("a".to_owned(), "{}".to_owned(), now);
        let first = queue.take(now).expect("it is due");
        queue.failed(first, now);
        queue.add("b".to_owned(), "{}".to_owned(), now);
        assert_eq!(queue.take(now).map(|message| message.id), Some("b".to_owned()));
        let given_up: u64 =
            (0..2 * MOST).map(|id| queue.add(id.to_string(), "{}".to_owned(), now)).sum();
        assert_eq!((queue.0.len(), given_up), (MOST, 1 + MOST as u64));
    }
}
