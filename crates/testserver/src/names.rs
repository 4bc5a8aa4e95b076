//! Names of invented players, including many that code for names handles wrongly.

/// `(first, last)`; a name of one word has no first part. Two names occur more than once, for different ids.
#[rustfmt::skip]
pub(crate) const UNUSUAL: &[(&str, &str)] = &[
    ("D'Angelo", "Marlowe"), ("Nikola", "Jokićević"), ("J.J.", "Barlow"), ("", "Nenêco"), ("Marcus", "Holloway Jr."),
    ("Shai", "Gilmore-Alexandre"), ("Chris", "Johnson"), ("Luka", "Dončar"), ("O.G.", "Anuoby-Eze"),
    ("De'Aaron", "Foxworth"), ("Chris", "Johnson"), ("Tim", "Hardaker III"), ("Bojan", "Bogdanovski"),
    ("Žarko", "Čabarkapić"), ("Karl-Anthony", "Townley"), ("", "Yao"), ("Zhou", "Qiang"), ("Royce", "O'Neill"),
    ("Wendell", "Carterson Sr."), ("Kristaps", "Porziņš"), ("Chris", "Johnson"), ("José Juan", "Bareña"),
    ("Luc", "Mbah a Mouté"), ("Al-Farouq", "Aminou"), ("Dāvis", "Bērziņš"), ("Jonas", "Valančiukas"),
    ("Ömer", "Aşıkoğlu"), ("Ersan", "İlyasoğlu"), ("Timofey", "Mozgovoy"), ("Giannis", "Adetokounbos"),
    ("Willy", "Hernangómez-Geuer"), ("T.J.", "McConnelly"), ("Juancho", "Peña"), ("Robert", "Wainwright IV"),
    ("Sviatoslav", "Mykhailenko"), ("Nah'Shon", "Hylton"), ("Vít", "Krejčík"), ("Guðmundur", "Þórsson"),
    ("François", "L'Écuyer"), ("Søren", "Ångström"), ("Robert", "Wainwright IV"), ("Nando", "de Colón"),
    ("Amar'e", "Stoudmire"), ("Wang", "Zhizhao"), ("Ha", "Seung-jun"), ("Larry", "\"Buck\" Nance II"),
    ("Moritz", "Weißgärber"), ("Łukasz", "Wójcik"),
];

/// First names of all other players.
pub(crate) const FIRST: &[&str] = &[
    "Aaron", "Andre", "Anthony", "Ben", "Brandon", "Bryce", "Caleb", "Cameron", "Carlos", "Cedric", "Chandler", "Cole",
    "Damian", "Darius", "Darren", "David", "Derrick", "Devin", "Dwight", "Eric", "Evan", "Frank", "Gary", "Gordon",
    "Harrison", "Isaiah", "Ivan", "Jabari", "Jamal", "James", "Jarrett", "Jaylen", "Jeremy", "Jordan", "Julius",
    "Justin", "Kelly", "Kendrick", "Kevin", "Kyle", "Lance", "Malcolm", "Marvin", "Miles", "Montrezl", "Nate",
    "Norman", "Otto", "Patrick", "Quincy", "Reggie", "Rodney", "Sean", "Spencer", "Terrence", "Tobias", "Trevor",
    "Tyler", "Victor", "Wesley", "Zach",
];

/// Last names of all other players. Their number and that of the first names have no common divisor.
#[rustfmt::skip]
pub(crate) const LAST: &[&str] = &[
    "Abernathy", "Adler", "Ashcroft", "Barnaby", "Beckett", "Bellamy", "Birch", "Blackwood", "Brannigan", "Briscoe",
    "Calloway", "Carmody", "Castellan", "Chambers", "Clayborne", "Colfax", "Corrigan", "Crowther", "Dalton",
    "Danvers", "Delacroix", "Donnelly", "Draper", "Eastman", "Ellery", "Fairbanks", "Farrow", "Fenwick", "Finch",
    "Galloway", "Garrity", "Gatlin", "Granger", "Haldane", "Hargrove", "Hathaway", "Hollis", "Huxley", "Ingram",
    "Jarvis", "Kendall", "Kingsley", "Lachlan", "Langford", "Lockhart", "Maddox", "Merrick", "Montague", "Nesbitt",
    "Norwood", "Oakley", "Pemberton", "Prescott", "Quarles", "Radcliffe", "Ramsey", "Redmond", "Rutledge", "Sampson",
    "Sinclair", "Stanton", "Sterling", "Thackeray", "Thornton", "Tillman", "Underhill", "Vance", "Vickers", "Walcott",
    "Weatherby", "Whitfield", "Winslow", "Yardley", "Yates",
];

/// City, name, abbreviation, code.
pub(crate) type Team = (&'static str, &'static str, &'static str, &'static str);

pub(crate) const TEAMS: &[Team] = &[
    ("Baltimore", "Lanterns", "BAL", "lanterns"),
    ("Buffalo", "Millers", "BUF", "millers"),
    ("Cincinnati", "Ferrymen", "CIN", "ferrymen"),
    ("Kansas City", "Drovers", "KCD", "drovers"),
    ("Las Vegas", "Mirage", "LVM", "mirage"),
    ("Louisville", "Steamers", "LOU", "steamers"),
    ("Montréal", "Voyageurs", "MTL", "voyageurs"),
    ("Nashville", "Strings", "NAS", "strings"),
    ("Omaha", "Prairie Dogs", "OMA", "prairie_dogs"),
    ("Pittsburgh", "Smelters", "PIT", "smelters"),
    ("Providence", "Privateers", "PVD", "privateers"),
    ("San Diego", "Breakers", "SDB", "breakers"),
    ("San José", "Vaqueros", "SJV", "vaqueros"),
    ("Seattle", "Evergreens", "SEA", "evergreens"),
    ("St. Louis", "Arches", "STL", "arches"),
    ("Vancouver", "Orcas", "VAN", "orcas"),
];

/// Schools and clubs.
#[rustfmt::skip]
pub(crate) const SCHOOLS: &[&str] = &[
    "Arcadia State", "St. Brendan's", "Blue Ridge A&M", "Texas Central", "Northern Plains", "Cal Pacific", "Miskatonic",
    "KK Jadran", "CB Alameda", "Élan Normandie", "No College",
];

/// The countries of the schools, in their order.
pub(crate) const COUNTRIES: &[&str] =
    &["USA", "USA", "USA", "USA", "USA", "USA", "Canada", "Croatia", "Spain", "France", "Türkiye"];
