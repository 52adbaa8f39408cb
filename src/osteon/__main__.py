"""``python -m osteon``, and what ``torchrun -m osteon run study.toml`` starts on every GPU."""

from osteon.cli import main

if __name__ == "__main__":
    main()
