"""Harbor's management API (v2.0, as Harbor 2.15.2 answers it): projects, webhook policies and what became of them."""
