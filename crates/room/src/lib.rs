//! One whole room, pure: seats, presence, phases, floor and what must be told to whom.
