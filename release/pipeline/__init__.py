"""The stages of a release; see RELEASING.md. Standard library only, unless a module says so."""
