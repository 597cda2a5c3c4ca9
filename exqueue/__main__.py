"""`python -m exqueue`."""

from exqueue.cli.main import main

if __name__ == "__main__":
    main()
