"""What people see, to be looked at by whoever made it: pictures of the screens, contact sheets, and how large a key is on a real panel."""
