"""The whole machine simulated: a world of cards, meters and devices, a kiosk in it, a day that is played and a glass to play with."""
