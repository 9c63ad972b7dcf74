"""What people see and work at. Values until the last step: only `board` and `bench` know a terminal."""
