//! Typesets a report template with its data into PDF/A.
