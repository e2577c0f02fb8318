//! Frames of any bytes, and a receiver that is slow.

use proptest::prelude::*;

use super::*;

/// Feeds `bytes` in pieces of the lengths named in turn; gives the frames, and what ended it.
fn read(bytes: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, Option<BadFrame>) {
    let (mut reader, mut frames, mut at) = (FrameReader::default(), Vec::new(), 0);
    for turn in 0.. {
        if at == bytes.len() {
            break;
        }
        let space = reader.space();
        assert!(!space.is_empty(), "every whole frame was taken");
        let len = pieces[turn % pieces.len()].min(space.len()).min(bytes.len() - at);
        space[..len].copy_from_slice(&bytes[at..at + len]);
        reader.filled(len);
        at += len;
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(bad) => return (frames, Some(bad)),
            }
        }
    }
    (frames, None)
}

fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
    datagrams
        .iter()
        .flat_map(|datagram| {
            let prefix = (datagram.len() as u16).to_be_bytes();
            prefix.into_iter().chain(datagram.iter().copied())
        })
        .collect()
}

/// Takes up to `most` bytes out of a queue as a socket does.
fn take(queue: &mut FrameQueue, now: Instant, mut most: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while most > 0 && !queue.is_empty() {
        let waiting = queue.waiting(now);
        let len = waiting.len().min(most);
        taken.extend_from_slice(&waiting[..len]);
        queue.sent(now, len);
        most -= len;
    }
    taken
}

#[test]
fn a_length_that_no_datagram_has_ends_it() {
    let ok = framed(&[vec![7; MAX_DATAGRAM], vec![8]]);
    assert_eq!(read(&ok, &[1_000]).0.len(), 2);
    for len in [0, MAX_DATAGRAM + 1, usize::from(u16::MAX)] {
        let bytes = [&ok[..], &(len as u16).to_be_bytes(), &[0; 5]].concat();
        let (frames, bad) = read(&bytes, &[700]);
        assert_eq!((frames.len(), bad), (2, Some(BadFrame(len))));
    }
}

#[test]
fn sound_overtakes_pictures_and_pictures_are_what_is_dropped() {
    let now = Instant::now();
    let mut queue = FrameQueue::new(now);
    let pictures =
        (0..200).filter(|_| queue.push(now, Urgency::Picture, &[1; 1_100]) == Queued::Kept);
    let kept = pictures.count();
    assert_eq!(kept, MAX_PICTURES / 1_100);
    for _ in 0..100 {
        assert_eq!(queue.push(now, Urgency::Vital, &[2; 120]), Queued::Kept);
    }
    let (frames, bad) = read(&take(&mut queue, now, usize::MAX), &[1_400]);
    assert_eq!((frames.len(), bad), (100 + kept, None));
    assert!(frames[..100].iter().all(|frame| frame == &[2; 120]), "sound first");
    assert!(queue.is_empty() && !queue.is_stuck(now + STUCK * 2));
    assert_eq!(queue.push(now, Urgency::Vital, &[]), Queued::Dropped);
    assert_eq!(queue.push(now, Urgency::Vital, &[0; MAX_DATAGRAM + 1]), Queued::Dropped);
}

#[test]
fn a_receiver_that_takes_nothing_is_stuck_and_costs_no_more_than_so() {
    let start = Instant::now();
    let mut queue = FrameQueue::new(start);
    // It was idle for long: that is not held against it.
    let begin = start + STUCK * 3;
    for n in 0..10_000_u32 {
        let urgency = if n % 4 == 0 { Urgency::Vital } else { Urgency::Picture };
        let now = begin + Duration::from_millis(n.into());
        queue.push(now, urgency, &[9; 500]);
        assert_eq!(queue.is_stuck(now), now >= begin + STUCK, "{n}");
        queue.waiting(now);
        assert!(queue.len() <= MAX_PICTURES + MAX_VITAL + CHUNK, "{}", queue.len());
    }
    // A byte a second is movement, and its end is not.
    queue.sent(begin + Duration::from_secs(20), 1);
    assert!(!queue.is_stuck(begin + Duration::from_secs(20)));
    assert!(queue.is_stuck(begin + Duration::from_secs(20) + STUCK));
}

#[test]
fn a_voice_that_waited_for_too_long_is_not_said() {
    let start = Instant::now();
    let mut queue = FrameQueue::new(start);
    // A second of one person's voice, of which the socket takes nothing.
    for n in 0..50_u8 {
        let now = start + Duration::from_millis(20 * u64::from(n));
        assert_eq!(queue.push(now, Urgency::Vital, &[n; 120]), Queued::Kept);
        queue.waiting(now);
    }
    queue.push(start, Urgency::Picture, &[200; 1_000]);
    let now = start + Duration::from_millis(1_000);
    let (frames, bad) = read(&take(&mut queue, now, usize::MAX), &[1_400]);
    assert_eq!(bad, None);
    let said: Vec<u8> = frames.iter().map(|frame| frame[0]).collect();
    // What was begun, then what is young enough, then the picture.
    assert_eq!(said[0], 0);
    assert!(said[1..said.len() - 1].iter().all(|n| *n >= 35), "{said:?}");
    assert_eq!((said[said.len() - 2], said[said.len() - 1]), (49, 200));
    assert_eq!(queue.take_outdated() as usize, 51 - said.len());
    assert_eq!((queue.take_outdated(), queue.len()), (0, 0));
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..MAX_DATAGRAM + 1), 0..12),
        pieces in prop::collection::vec(1_usize..3_000, 1..6),
    ) {
        let (frames, bad) = read(&framed(&datagrams), &pieces);
        prop_assert_eq!(frames, datagrams);
        prop_assert_eq!(bad, None);
    }

    #[test]
    fn any_bytes_are_frames_or_a_refusal(
        bytes in prop::collection::vec(any::<u8>(), 0..6_000),
        pieces in prop::collection::vec(1_usize..3_000, 1..6),
    ) {
        let (frames, bad) = read(&bytes, &pieces);
        let whole: usize = frames.iter().map(|frame| PREFIX + frame.len()).sum();
        prop_assert!(whole <= bytes.len());
        let prefix = bytes[whole..].first_chunk().map(|prefix| usize::from(u16::from_be_bytes(*prefix)));
        // What stopped it is the next length: one that is refused, or one whose frame is not whole.
        match (bad, prefix) {
            (Some(BadFrame(len)), Some(next)) => {
                prop_assert_eq!(len, next);
                prop_assert!(len == 0 || len > MAX_DATAGRAM);
            }
            (None, Some(len)) => prop_assert!(len > 0 && bytes.len() - whole < PREFIX + len),
            (None, None) => {}
            (Some(bad), None) => prop_assert!(false, "{:?} of nothing", bad),
        }
        let joined = read(&bytes, &[READ_BUFFER]);
        prop_assert_eq!((frames, bad), joined, "however it comes in");
    }

    #[test]
    fn a_queue_keeps_the_order_of_each_urgency(
        steps in prop::collection::vec((any::<bool>(), 5_usize..1_200, 0_usize..4_000), 1..120),
    ) {
        let now = Instant::now();
        let (mut queue, mut put, mut bytes) = (FrameQueue::new(now), [Vec::new(), Vec::new()], Vec::new());
        for (n, (picture, len, most)) in steps.into_iter().enumerate() {
            let urgency = if picture { Urgency::Picture } else { Urgency::Vital };
            let mut datagram = vec![u8::from(picture); len];
            datagram[1..5].copy_from_slice(&(n as u32).to_be_bytes());
            if queue.push(now, urgency, &datagram) == Queued::Kept {
                put[usize::from(picture)].push(datagram);
            }
            bytes.extend(take(&mut queue, now, most));
        }
        bytes.extend(take(&mut queue, now, usize::MAX));
        let (frames, bad) = read(&bytes, &[977]);
        prop_assert_eq!(bad, None);
        for picture in [false, true] {
            let got: Vec<_> = frames.iter().filter(|frame| frame[0] == u8::from(picture)).collect();
            prop_assert_eq!(got, put[usize::from(picture)].iter().collect::<Vec<_>>());
        }
    }
}
