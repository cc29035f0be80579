"""Networks as NIR graphs: trained ones, and norse networks of a user's own."""
