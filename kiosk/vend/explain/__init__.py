"""The journal told as "where the money was at each second": rows -> Story (values) -> sentences, for customer, technician and auditor."""
