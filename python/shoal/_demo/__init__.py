"""The story: one list of documents fetched and saved in three ways."""
