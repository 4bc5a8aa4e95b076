use super::*;

fn watched() -> Watched {
    Watched::new(Box::new(tokio::io::empty()), Arc::default())
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

#[test]
fn frames_cut_anywhere_are_counted_alike() {
    let all = [frame(8, 0, &[0; 4]), frame(99, 0, &[9; 600]), frame(DATA, 0, b""), frame(4, 0, b"")].concat();
    for size in 1..all.len() {
        let mut watched = watched();
        all.chunks(size).for_each(|piece| watched.look(piece).unwrap());
        assert_eq!(watched.cost, 1 + 3 + 1 + 1, "{size}");
    }
}

#[test]
fn data_costs_nothing_on_open_streams() {
    let (data, padding) = (frame(DATA, 0, b"x"), frame(DATA, PADDED, b"\x03\0\0\0"));
    let mut watched = watched();
    watched.look(&data).unwrap();
    assert_eq!(watched.cost, 1);
    watched.wire.open.store(1, Ordering::Relaxed);
    watched.look(&[data, frame(DATA, PADDED, b"\x02x\0\0")].concat()).unwrap();
    assert_eq!(watched.cost, 1);
    watched.look(&padding).unwrap();
    assert_eq!(watched.cost, 2);
}

#[test]
fn a_flood_ends_the_connection_unless_requests_progress() {
    let mut watched = watched();
    let some = frame(2, 0, &[0; 5]).repeat(MAX_COST / 2);
    for _ in 0..10 {
        watched.look(&some).unwrap();
        watched.wire.progressed();
    }
    for _ in 0..10 {
        watched.look(&some).unwrap();
        watched.wrote(&Poll::Ready(Ok(MAX_COST / 2 * BYTES_PER_CREDIT)));
    }
    watched.look(&some).unwrap();
    watched.look(&some).unwrap();
    assert_eq!(watched.look(&some).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_slow_trickle_goes_on() {
    let mut watched = watched();
    watched.since = Instant::now().checked_sub(WINDOW).unwrap();
    let all = frame(6, 0, &[0; 8]).repeat(MAX_COST + 1);
    watched.look(&all).unwrap();
    assert!(watched.look(&all).is_err());
}

#[test]
fn goaway_gives_the_last_processed_stream() {
    let mut watched = watched();
    assert!(!watched.wire.is_unprocessed(u32::MAX >> 1));
    let all = [frame(GO_AWAY, 0, &[0x7f, 255, 255, 255, 0, 0, 0, 0]), frame(GO_AWAY, 0, &[0, 0, 0, 3, 0, 0, 0, 0])];
    all.concat().chunks(5).for_each(|piece| watched.look(piece).unwrap());
    assert!(watched.wire.is_unprocessed(5) && !watched.wire.is_unprocessed(3));
    assert!(watched.wire.going_away.load(Ordering::Relaxed));
}
