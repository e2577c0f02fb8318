//! Hostile input on the WebSocket: each kind is refused in words of the wire, or by closing.

use anyhow::Result;
use palabre_ids::{Millis, Role, Seat};
use palabre_wire::{
    Answer, ClientMessage, Command, CommandId, Hello, MAX_MESSAGE_BYTES, Resume, ServerMessage,
    WIRE_VERSION,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{Finding, PATIENCE, expect, join};
use crate::link::Link;
use crate::signaling::{self, Incoming};

pub(super) async fn attack(link: &Link) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    strangers(link, &mut findings).await?;
    insiders(link, &mut findings).await?;
    Ok(findings)
}

/// Frames that are no hello of ours, sent first: the connection is closed, with a reason or without.
async fn strangers(link: &Link, findings: &mut Vec<Finding>) -> Result<()> {
    let hello = |version: u32, token: &str| {
        let hello = Hello {
            version,
            token: token.to_owned(),
            language: palabre_ids::Language::Fr,
            resume: None,
        };
        serde_json::to_string(&ClientMessage::Hello(hello)).map(Message::text)
    };
    let token = link.token.reveal();
    // One letter of the signature changed, one before its last that only partly counts.
    let mut forged = token.as_bytes().to_vec();
    let at = forged.len().saturating_sub(5);
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged)?;
    let frames = [
        (
            "a command before the hello",
            Message::text(r#"{"type":"command","id":1,"command":{"do":"next_phase"}}"#),
        ),
        ("no JSON", Message::text("hello?")),
        ("an empty message", Message::text("")),
        ("an unknown type", Message::text(r#"{"type":"sudo"}"#)),
        ("deep nesting", Message::text("[".repeat(20_000))),
        ("a binary frame", Message::binary(vec![0xff; 64])),
        ("another version", hello(WIRE_VERSION + 1, token)?),
        ("a forged token", hello(WIRE_VERSION, &forged)?),
        ("an empty token", hello(WIRE_VERSION, "")?),
        ("too long a message", Message::text("x".repeat(MAX_MESSAGE_BYTES + 1))),
    ];
    for (what, frame) in frames {
        let (mut outgoing, mut incoming) = signaling::connect(&link.server).await?;
        // It may be refused while it is still being sent.
        let _ = outgoing.send_raw(frame).await;
        match timeout(PATIENCE, until_closed(&mut incoming)).await {
            Err(_) => findings.push(format!("{what}: the connection stays open")),
            Ok(true) => findings.push(format!("{what}: was let in")),
            Ok(false) => {}
        }
    }
    Ok(())
}

/// Whether a welcome came before the end.
async fn until_closed(incoming: &mut Incoming) -> bool {
    let mut let_in = false;
    while let Ok(Some(message)) = incoming.next().await {
        let_in |= matches!(message, ServerMessage::Welcome(_) | ServerMessage::Resumed(_));
    }
    let_in
}

/// A person of the room who asks for what is not theirs.
async fn insiders(link: &Link, findings: &mut Vec<Finding>) -> Result<()> {
    let (mut outgoing, mut incoming, welcome) = join(link).await?;
    let mut id = welcome.last_command.0;
    let facilitators = [
        Command::NextPhase,
        Command::PreviousPhase,
        Command::ExtendPhase { by: Millis(60_000) },
        Command::PausePhase,
        Command::GrantFloor { seat: link.seat },
        Command::RevokeFloor,
        Command::SkipTurn,
        Command::NameClient { seat: link.seat },
        Command::TakeChair,
        Command::EndSession,
        Command::GrantFloor { seat: Seat(200) },
    ];
    if link.role != Role::Facilitator && link.role != Role::CoFacilitator {
        for command in facilitators {
            id += 1;
            let name = command.name();
            outgoing.send(&ClientMessage::Command { id: CommandId(id), command }).await?;
            let answer = expect(&mut incoming, |message| match message {
                ServerMessage::Answer { id: of, answer } if of.0 == id => Some(answer),
                _ => None,
            })
            .await?;
            if answer == Answer::Done {
                findings.push(format!("{name} was carried out for who may not"));
            }
        }
    }
    for text in [
        r#"{"type":"command","id":-1,"command":{"do":"pass"}}"#,
        r#"{"type":"leave","extra":1}"#,
        "{",
        "null",
    ] {
        outgoing.send_raw(Message::text(text)).await?;
        let told = expect(&mut incoming, |message| match message {
            ServerMessage::NotUnderstood { .. } => Some(false),
            ServerMessage::Closing { .. } => Some(true),
            _ => None,
        });
        match told.await {
            Ok(false) => {}
            // Enough is enough: the server may close on who makes no sense.
            Ok(true) => break,
            Err(error) => findings.push(format!("{text} was not refused in words: {error:#}")),
        }
    }
    // The place is given back once; after that its token is worthless.
    drop((outgoing, incoming));
    let resume = Resume { token: welcome.resume_token.clone(), last_seq: welcome.seq };
    let (mut outgoing, mut incoming) = signaling::connect(&link.server).await?;
    outgoing.send(&signaling::hello(link, Some(resume))).await?;
    expect(&mut incoming, |message| {
        matches!(message, ServerMessage::Resumed(_) | ServerMessage::Welcome(_)).then_some(())
    })
    .await?;
    let stolen = Resume { token: "A".repeat(43), last_seq: welcome.seq };
    let (mut thief, mut answers) = signaling::connect(&link.server).await?;
    thief.send(&signaling::hello(link, Some(stolen))).await?;
    let given = expect(&mut answers, |message| match message {
        ServerMessage::Resumed(_) => Some(true),
        ServerMessage::Welcome(_) | ServerMessage::Closing { .. } => Some(false),
        _ => None,
    });
    if given.await? {
        findings.push("a made-up resume token gave the place back".to_owned());
    }
    Ok(())
}
