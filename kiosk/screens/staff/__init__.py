"""The maintenance screens, for technicians: a `StaffView` becomes rows and targets. Pure, as the customer's board is.

The desk says which table, which question or which field stands, and which keys there are; here they get words and places. So a task has
no file of its own: a part of the screen has one.
"""
