"""Short messages over a GSM modem's AT commands, in PDU mode (3GPP TS 27.005, 23.040, 23.038)."""
