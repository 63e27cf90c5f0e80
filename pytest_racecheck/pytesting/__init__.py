"""The only package that touches pytest's insides: rerun one item, leave nothing behind, report what was found."""
