"""The waist of the hourglass: everything before it writes these tables, everything after reads only them."""
