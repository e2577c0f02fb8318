//! Facilitation templates, phases, floors and turns: pure, told the time.
