use std::collections::HashSet;

use super::Players;

#[test]
fn ids_differ_and_some_names_do_not() {
    let players = Players::new(500);
    let ids: HashSet<u64> = players.iter().map(|player| player.id).collect();
    let names: HashSet<String> = players.iter().map(super::Player::full_name).collect();
    assert_eq!(ids.len(), 500);
    assert!((490..500).contains(&names.len()), "{}", names.len());
    assert!(names.contains("D'Angelo Marlowe") && names.contains("Nikola Jokićević") && names.contains("Yao"));
    assert!(players.iter().all(|player| players.get(player.id).unwrap().id == player.id));
    assert!(players.get(1).is_none());
    assert!(players.iter().filter(|player| player.active()).count() > 400);
}

#[test]
fn any_number_of_players_will_do() {
    for count in [0, 1, 3, 10_000] {
        let players = Players::new(count);
        let ids: HashSet<u64> = players.iter().map(|player| player.id).collect();
        assert_eq!(ids.len(), count);
    }
}
