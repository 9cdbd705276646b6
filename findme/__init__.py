"""FindMe: each guest of an event gets the photos they are in."""

__version__ = "0.2.0"
