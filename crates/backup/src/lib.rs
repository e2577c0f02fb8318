//! What brings a room and its people back: journal, restore, resume.
