//! Keeps messages on the disk until they are delivered.
//!
//! One thread does it, so that a disk that stands holds up neither rooms nor the end of the process. A disk
//! that refuses costs no message: it then waits in memory alone.

use std::path::PathBuf;
use std::{io, thread};

use palabre_backup::Spool;
use palabre_ids::UnixMillis;
use palabre_signaling::{Herald, News};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::queue::{MOST, Message};
use super::{WebhookMetrics, body, id};

/// What the thread is asked for, in this order.
enum Work {
    Keep(Message, oneshot::Sender<()>),
    Drop(String),
    /// Gives what a process before this one left.
    Look(oneshot::Sender<Vec<Message>>),
    /// Gives word once all that was asked before is done.
    Settle(oneshot::Sender<()>),
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Keeper(mpsc::UnboundedSender<Work>);

impl Keeper {
    /// Starts the thread, and gives what it hears of from rooms.
    pub(super) fn start(
        directory: PathBuf,
        metrics: WebhookMetrics,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<Message>)> {
        let (work, asked) = mpsc::unbounded_channel();
        let (heard, news) = mpsc::unbounded_channel();
        let shelf = Shelf { directory, spool: None, metrics };
        thread::Builder::new()
            .name("palabre-webhook".to_owned())
            .spawn(move || shelf.serve(asked, &heard))?;
        Ok((Self(work), news))
    }

    /// A message is delivered, or given up.
    pub(super) fn drop(&self, id: String) {
        self.ask(Work::Drop(id));
    }

    /// What a process before this one left.
    pub(super) async fn look(&self) -> Vec<Message> {
        let (found, answer) = oneshot::channel();
        self.ask(Work::Look(found));
        answer.await.unwrap_or_default()
    }

    /// Waits until the disk has what was asked for.
    pub(super) async fn settle(&self) {
        let (done, answer) = oneshot::channel();
        self.ask(Work::Settle(done));
        let _ = answer.await;
    }

    /// A thread that is gone drops the way to answer, which says it.
    fn ask(&self, work: Work) {
        let _ = self.0.send(work);
    }
}

impl Herald for Keeper {
    fn tell(&self, news: News) -> oneshot::Receiver<()> {
        let (kept, answer) = oneshot::channel();
        let message = Message { id: id(&news), body: body(&news), at: news.at };
        self.ask(Work::Keep(message, kept));
        answer
    }
}

/// The thread's own.
struct Shelf {
    directory: PathBuf,
    /// None until the disk gave it.
    spool: Option<Spool>,
    metrics: WebhookMetrics,
}

impl Shelf {
    fn serve(
        mut self,
        mut asked: mpsc::UnboundedReceiver<Work>,
        heard: &mpsc::UnboundedSender<Message>,
    ) {
        // Whoever asked, or delivers, may have gone: what was done stands all the same.
        while let Some(work) = asked.blocking_recv() {
            match work {
                Work::Keep(message, kept) => {
                    match self.keep(&message) {
                        Ok(()) => drop(kept.send(())),
                        Err(error) => {
                            self.metrics.not_kept.add();
                            tracing::error!(%error, "a message to the webhook waits in memory alone");
                        }
                    }
                    let _ = heard.send(message);
                }
                Work::Drop(id) => {
                    if let Err(error) = self.spool().and_then(|spool| spool.remove(&id)) {
                        tracing::warn!(%error, "a message to the webhook stays on the disk: it will come again");
                    }
                }
                Work::Look(found) => {
                    let all = self.look().unwrap_or_else(|error| {
                        tracing::error!(%error, "messages to the webhook cannot be read");
                        Vec::new()
                    });
                    let _ = found.send(all);
                }
                Work::Settle(done) => drop(done.send(())),
            }
        }
    }

    fn spool(&mut self) -> io::Result<&Spool> {
        match &mut self.spool {
            Some(spool) => Ok(spool),
            none => Ok(none.insert(Spool::open(&self.directory)?)),
        }
    }

    fn keep(&mut self, message: &Message) -> io::Result<()> {
        self.spool()?.put(&message.id, message.body.as_bytes())
    }

    /// The oldest first, as many as may wait.
    fn look(&mut self) -> io::Result<Vec<Message>> {
        let given_up = self.metrics.given_up.clone();
        let spool = self.spool()?;
        let mut found = Vec::new();
        for id in spool.names()? {
            match spool.get(&id).map(|bytes| read(id.clone(), bytes)) {
                Ok(Some(message)) => found.push(message),
                Ok(None) => {
                    tracing::error!("a message to the webhook is damaged: it is given up");
                    given_up.add();
                    spool.remove(&id)?;
                }
                // Of a process that delivers at this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by_key(|message| message.at);
        found.truncate(MOST);
        Ok(found)
    }
}

fn read(id: String, bytes: Vec<u8>) -> Option<Message> {
    #[derive(Deserialize)]
    struct Dated {
        at: u64,
    }
    let body = String::from_utf8(bytes).ok()?;
    let Dated { at } = serde_json::from_str(&body).ok()?;
    Some(Message { id, body, at: UnixMillis(at) })
}

#[cfg(test)]
mod tests {
    use palabre_ids::RoomId;
    use palabre_signaling::Milestone;

    use super::*;

    fn news(room: &str, at: u64) -> News {
        News {
            what: Milestone::Ended,
            room: RoomId::parse(room).expect("a room"),
            template: "plain-meeting".to_owned(),
            seats: 2,
            at: UnixMillis(at),
            started_at: None,
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_found_by_the_next_process_until_it_is_dropped() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("webhook");
        let (keeper, mut heard) =
            Keeper::start(path.clone(), WebhookMetrics::default()).expect("starts");
        keeper.tell(news("room-later", 2)).await.expect("kept");
        keeper.tell(news("room-sooner", 1)).await.expect("kept");
        let first = heard.recv().await.expect("passed on");
        assert_eq!(first.id, "msg_ended_room-later");
        std::fs::write(path.join("msg_torn.message"), "{\"at\":").expect("written");

        let metrics = WebhookMetrics::default();
        let (next, _heard) = Keeper::start(path.clone(), metrics.clone()).expect("starts");
        let found = next.look().await;
        let ids: Vec<&str> = found.iter().map(|message| message.id.as_str()).collect();
        assert_eq!(ids, ["msg_ended_room-sooner", "msg_ended_room-later"], "the oldest first");
        assert_eq!(found[1], first);
        assert_eq!(metrics.given_up.get(), 1, "what is damaged is no message");
        next.drop("msg_ended_room-sooner".to_owned());
        next.drop("msg_ended_room-later".to_owned());
        next.settle().await;
        assert_eq!(std::fs::read_dir(&path).expect("read").count(), 0);
    }

    #[tokio::test]
    async fn a_disk_that_refuses_costs_no_message_and_says_so() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("webhook");
        // No directory can be made there.
        std::fs::write(&path, "").expect("written");
        let metrics = WebhookMetrics::default();
        let (keeper, mut heard) = Keeper::start(path.clone(), metrics.clone()).expect("starts");
        assert!(keeper.tell(news("room-full", 1)).await.is_err(), "the room will tell it again");
        assert_eq!(
            heard.recv().await.map(|message| message.id),
            Some("msg_ended_room-full".to_owned())
        );
        assert_eq!(metrics.not_kept.get(), 1);
        std::fs::remove_file(&path).expect("removed");
        keeper.tell(news("room-full", 1)).await.expect("there is a disk again");
    }
}
