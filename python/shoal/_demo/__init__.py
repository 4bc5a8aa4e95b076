"""The demo: one list of documents fetched and saved in three ways."""
