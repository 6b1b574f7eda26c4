"""Pure decisions on values. Standard library only; `now` is an argument."""
