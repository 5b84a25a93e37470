//! Who is in a store of a given size: patients with the same length of history at any size, and their nurses.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::template::Templates;

/// Weeks of each patient's history.
pub(crate) const WEEKS: usize = 24;
/// Patients of one nurse.
const PATIENTS_OF_A_NURSE: usize = 80;
/// Of so many tasks one is open.
const OPEN_ONE_OF: usize = 8;

pub(crate) struct Population {
    pub(crate) patients: usize,
    pub(crate) courses: usize,
}

impl Population {
    pub(crate) fn of(size: usize, templates: &Templates) -> Self {
        let each = templates.resources_a_response() * WEEKS as f64 + 2.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let patients = (size as f64 / each).ceil().max(8.0) as usize;
        Self { patients, courses: templates.weeks.len() }
    }

    pub(crate) fn course(&self, patient: usize) -> usize {
        patient % self.courses
    }

    pub(crate) fn patient(patient: usize) -> String {
        format!("bench-{patient:07}")
    }

    pub(crate) fn nurses(&self) -> usize {
        self.patients.div_ceil(PATIENTS_OF_A_NURSE)
    }

    /// Patients of all kinds have the same nurse.
    pub(crate) fn nurse(&self, patient: usize) -> String {
        format!("nurse-{}", patient % self.nurses())
    }

    pub(crate) fn status(patient: usize, week: usize) -> &'static str {
        match (patient * 31 + week * 17) % OPEN_ONE_OF {
            0 => "requested",
            _ => "completed",
        }
    }

    pub(crate) fn day(patient: usize, week: usize) -> Date {
        let days = i64::try_from(week * 7 + patient % 7).unwrap_or(0);
        date(2026, 1, 5).checked_add(days.days()).unwrap_or(Date::MAX)
    }

    /// The patients in the order in which they answer in a week: not that of their numbers.
    pub(crate) fn order(&self, week: usize) -> impl Iterator<Item = usize> + use<> {
        let patients = self.patients;
        let stride = (0..).map(|n| 7_919 + 2 * n).find(|stride| gcd(*stride, patients) == 1).unwrap_or(1);
        (0..patients).map(move |n| (n * stride + week * 13) % patients)
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
