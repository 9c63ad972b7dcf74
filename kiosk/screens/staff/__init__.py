"""The maintenance screens: what a `StaffView` says, for technicians."""
