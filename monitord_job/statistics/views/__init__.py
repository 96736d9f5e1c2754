"""Tables, files and JSON: pieces of text, written as they are made."""
