//! The offer is laid out as the server's plan says, and small enough for the wire.

use palabre_ids::Seat;
use palabre_loadtest::bot::peer::{Camera, Peer};
use palabre_wire::{MAX_MESSAGE_BYTES, MediaPlan};

#[tokio::test]
async fn sections_follow_the_plan() {
    let plan = MediaPlan { slots: (1..9).map(Seat).collect(), ice_servers: vec![] };
    let (mut peer, _output) = Peer::new(&plan, Camera::Simulcast).await.expect("a peer connection");
    let offer = peer.offer().await.expect("an offer");
    peer.close().await;
    let sections: Vec<&str> = offer.split("\nm=").skip(1).collect();
    let mut expected = vec![("audio", "sendonly"), ("video", "sendonly"), ("video", "sendonly")];
    for _ in &plan.slots {
        expected.extend([("audio", "recvonly"), ("video", "recvonly")]);
    }
    expected.push(("video", "recvonly"));
    assert_eq!(sections.len(), expected.len());
    for (index, (section, (kind, direction))) in sections.iter().zip(expected).enumerate() {
        assert!(section.starts_with(kind), "section {index}: {section}");
        let has = |wanted: String| section.lines().any(|line| line.trim_end() == wanted);
        assert!(has(format!("a=mid:{index}")), "section {index}: {section}");
        assert!(has(format!("a={direction}")), "section {index}: {section}");
    }
    for rid in ["a=rid:q send", "a=rid:h send", "a=rid:f send", "a=simulcast:send q;h;f"] {
        assert!(sections[1].contains(rid), "{rid}");
    }
    assert!(sections[0].contains("ssrc-audio-level"));
    assert!(offer.len() < MAX_MESSAGE_BYTES / 2, "{} bytes", offer.len());
}
