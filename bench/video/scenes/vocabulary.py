"""What is written on signs, papers and boards: short common words, told apart at a glance."""

SHOPS = ("BAKERY", "BOOKS", "CINEMA", "FLOWERS", "HOTEL", "MUSIC", "PHARMACY", "TAILOR", "CLOCKS", "BICYCLES")
STREETS = ("HARBOUR ST", "MILL LANE", "STATION RD", "QUEEN ST", "GARDEN ROW")
PAPERS = ("The Daily Lantern", "Morning Herald", "The Evening Post")
HEADLINES = (
    ("BRIDGE OPENS", "AFTER NINE YEARS"),
    ("COMET SEEN", "OVER THE CITY"),
    ("RIVER FREEZES", "FIRST TIME SINCE 1963"),
    ("LOST PAINTING", "FOUND IN AN ATTIC"),
)
CITIES = ("LISBON", "VIENNA", "OSLO", "PRAGUE", "GENEVA", "MILAN", "BERLIN", "KRAKOW", "GHENT", "PORTO")
DISHES = ("ONION SOUP", "PLUM CAKE", "BLACK TEA", "RYE BREAD", "APPLE PIE", "COCOA", "OMELETTE", "SALAD")
CAPTIONS = (
    "The shops open at nine.",
    "Nobody has seen the key.",
    "Turn left at the fountain.",
    "It has rained since Monday.",
    "Her train leaves at noon.",
    "He painted the door blue.",
    "Two tickets, please.",
    "The clock is five minutes fast.",
)
