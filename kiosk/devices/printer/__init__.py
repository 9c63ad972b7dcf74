"""The receipt printer: a paper becomes lines, lines become ESC/POS bytes, a thread sees them printed or says that it does not know."""
