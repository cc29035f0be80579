"""`python -m axonc.models.study`: see `comparison.py`."""

from .comparison import main

raise SystemExit(main())
