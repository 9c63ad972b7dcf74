"""Who works at the office: each person's login, key and rights; and what one person proposes and another one releases."""
