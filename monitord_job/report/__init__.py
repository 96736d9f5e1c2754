"""One run as one picture: what each attempt went through, what ran where and took what; as a page and as text."""
