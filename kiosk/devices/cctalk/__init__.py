"""Coin and note acceptors on ccTalk: `wire` (frames), `events` (what they mean), `coins` and `notes` (the drivers)."""
