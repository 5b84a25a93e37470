//! What the rules said, in the words of the pathway: neither room knows the other.

use crate::pathway::{self, Extracted, RuleOutcome, RuleResult, Symptom};
use crate::questionnaire::Extract;
use crate::rules::{self, Evaluation, Truth};

/// The outcome of every rule.
pub(super) fn of(evaluation: &Evaluation) -> Vec<RuleOutcome> {
    evaluation.outcomes.iter().map(outcome).collect()
}

/// An extracted answer.
pub(super) fn extracted(extract: &Extract) -> Extracted<'_> {
    Extracted {
        link_id: &extract.link_id,
        instance: extract.instance,
        grade: extract.grade,
        observation: &extract.observation,
    }
}

fn outcome(from: &rules::Outcome) -> RuleOutcome {
    RuleOutcome {
        action_id: from.action_id.clone(),
        rule: from.rule.clone(),
        level: from.level,
        symptom: from
            .symptom
            .as_ref()
            .map(|symptom| Symptom { code: symptom.code.clone(), display: symptom.display.clone() }),
        title: from.title.clone(),
        message: from.message.clone(),
        result: match &from.result {
            Truth::True => RuleResult::Fired,
            Truth::False => RuleResult::NotFired,
            Truth::NotEvaluable(reason) => RuleResult::NotEvaluable(reason.clone()),
            Truth::NotRun => RuleResult::NotRun,
        },
        evidence: from.evidence.iter().map(evidence).collect(),
        threshold: from.threshold.clone(),
        source: from.source.clone(),
        activities: from.activities.iter().map(activity).collect(),
    }
}

fn evidence(from: &rules::Evidence) -> pathway::Evidence {
    pathway::Evidence {
        link_id: from.link_id.clone(),
        text: from.text.clone(),
        answer: from.answer.clone(),
        previous: from.previous.clone(),
        place: from.place.clone(),
        free_text: from.free_text,
    }
}

fn activity(from: &rules::Activity) -> pathway::Activity {
    pathway::Activity {
        kind: match from.kind {
            rules::ActivityKind::Task => pathway::ActivityKind::Task,
            rules::ActivityKind::CommunicationRequest => pathway::ActivityKind::Advice,
        },
        code: from.code.clone(),
        display: from.display.clone(),
        priority: from.priority.as_deref().and_then(pathway::Priority::from_code),
        performers: from.performers.clone(),
        text: from.text.clone(),
        handle_within: from.handle_within,
        acknowledge_within: from.acknowledge_within,
    }
}
