"""What the office's books say: selling, cash boxes, floats. Values first, then how they are set on paper, in a spreadsheet, as JSON."""
