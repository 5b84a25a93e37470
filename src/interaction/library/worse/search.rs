//! The search: which states of answers are compared, and which of them are lower than they should be.

use std::collections::{BTreeSet, HashMap};

use crate::json::Value;
use rust_decimal::Decimal;

use super::Lowered;
use super::scene::{self, Scene};
use crate::judgement::{Evaluation, Truth};
use crate::questionnaire::{Ladder, Questionnaire};
use crate::rules::{Protocol, Read};
use crate::terminology::{Level, Terminology};

/// Which rung of each ladder is answered; none where nothing is.
type State = Vec<Option<usize>>;

/// How often the best value of every number is looked for: each may depend on the others.
const CALMING: usize = 2;
/// In how many scenes rules over what fired are looked at: they see treatments only through the other rules.
const SCENES_OF_AGGREGATES: usize = 4;

/// One search over one questionnaire.
pub(super) struct Search<'a> {
    protocol: Protocol,
    form: &'a Questionnaire,
    terminology: &'a Terminology,
    most: usize,
    pub(super) reads: Vec<Read>,
    pub(super) ladders: Vec<Ladder>,
    pub(super) scenes: Vec<Scene>,
    pub(super) spent: usize,
    pub(super) found: Vec<Lowered>,
    /// Questions that the bound left out.
    pub(super) unchecked: Vec<String>,
}

/// The levels of one question's answers, all else being equal.
struct Row {
    responses: std::rc::Rc<Vec<Value>>,
    scene: usize,
    levels: Vec<Level>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        protocol: &Protocol,
        form: &'a Questionnaire,
        terminology: &'a Terminology,
        most: usize,
    ) -> Self {
        let reads = protocol.reads();
        let ladder = |link_id: &str| {
            let readers = || reads.iter().filter(|read| read.texts.contains(link_id));
            let numbers = readers().flat_map(|read| &read.numbers);
            let own = numbers.filter(|(_, texts)| texts.contains(link_id)).map(|(number, _)| *number);
            let thresholds: BTreeSet<Decimal> = own.collect();
            let symptom = readers().any(|read| read.symptom);
            let compared = readers().any(|read| read.earlier.contains(link_id));
            form.ladder(link_id, symptom, &thresholds.into_iter().collect::<Vec<_>>(), compared)
        };
        let ladders = form.link_ids().filter_map(ladder).collect();
        let scenes = Scene::all(protocol);
        Self {
            protocol: protocol.only(&|_| true),
            form,
            terminology,
            most,
            reads,
            ladders,
            scenes,
            spent: 0,
            found: Vec::new(),
            unchecked: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) {
        let calm = self.calm();
        let worst = self.worst(&calm);
        let weeks =
            [("after a good week", self.response(&calm)), ("after a bad week", self.response(&worst))];
        let after = weeks.map(|(name, response)| self.scenes[0].after(name, &response));
        self.scenes.extend(after);
        let aggregates = self.reads.iter().any(|read| read.aggregate);
        let alone = if aggregates { self.alone(&calm) } else { Vec::new() };
        for ladder in 0..self.ladders.len() {
            if self.spent >= self.most {
                self.unchecked.push(self.ladders[ladder].link_id.clone());
                continue;
            }
            let slice = self.protocol.only(&|rule| self.is_moved(rule, ladder));
            let mut rows = Vec::new();
            let scenes = self.scenes.len();
            self.rows(&slice, ladder, &self.bases(ladder, &calm, &worst), scenes, &mut rows);
            if aggregates {
                let whole = self.protocol.clone();
                let bases = self.bases_of_aggregates(ladder, &calm, &worst, &alone);
                self.rows(&whole, ladder, &bases, scenes.min(SCENES_OF_AGGREGATES), &mut rows);
            }
            self.compare(ladder, &rows);
            if self.spent >= self.most {
                self.unchecked.push(self.ladders[ladder].link_id.clone());
            }
        }
    }

    /// What the whole protocol says of a response.
    pub(super) fn judge(&self, response: &Value, scene: &Scene) -> Evaluation {
        scene.judge(&self.protocol, response)
    }

    fn response(&self, state: &State) -> Value {
        let answered = self.ladders.iter().zip(state);
        let answers: HashMap<&str, &[Value]> = answered
            .filter_map(|(ladder, rung)| Some((ladder.link_id.as_str(), ladder.rungs[(*rung)?].as_slice())))
            .collect();
        self.form.answered(&answers, &scene::context(self.terminology))
    }

    /// Whether another answer to this question can move a rule, which does not look at the others.
    fn is_moved(&self, rule: usize, ladder: usize) -> bool {
        let link_id = &self.ladders[ladder].link_id;
        let read = &self.reads[rule];
        let switched =
            self.ladders.iter().filter(|other| other.waits_for.contains(link_id)).map(|other| &other.link_id);
        !read.aggregate && switched.chain([link_id]).any(|link_id| read.texts.contains(link_id))
    }

    /// How much is wrong: the level, then how many rules say so, or cannot tell.
    fn alarm(&self, state: &State) -> (Level, usize) {
        let found = self.judge(&self.response(state), &self.scenes[0]);
        let says =
            |one: &&crate::judgement::Outcome| one.is_alert() || matches!(one.result, Truth::NotEvaluable(_));
        (found.level, found.outcomes.iter().filter(says).count())
    }

    /// Everything at its best. Of a number that is where the least is wrong; of several such values, the one that its rungs are
    /// told around, or the one in the middle.
    fn calm(&mut self) -> State {
        let mut state: State = self.ladders.iter().map(|_| Some(0)).collect();
        for _ in 0..CALMING {
            for n in (0..self.ladders.len()).filter(|n| self.ladders[*n].is_number) {
                let alarms: Vec<_> = (0..self.ladders[n].rungs.len())
                    .map(|rung| self.alarm(&with(&state, n, Some(rung))))
                    .collect();
                let best = alarms.iter().min().cloned();
                let ties: Vec<usize> = (0..alarms.len()).filter(|rung| Some(alarms[*rung]) == best).collect();
                let usual = self.ladders[n].usual.filter(|usual| ties.contains(usual));
                state[n] = usual.or_else(|| ties.get(ties.len() / 2).copied());
                self.spent += alarms.len();
            }
        }
        state
    }

    /// Everything at its worst. A number that is compared with earlier ones stays where it was: the rungs are told around that,
    /// and how bad each is shows only after this week.
    fn worst(&mut self, calm: &State) -> State {
        let mut state: State = self.ladders.iter().map(|ladder| Some(ladder.rungs.len() - 1)).collect();
        for n in (0..self.ladders.len()).filter(|n| self.ladders[*n].is_number) {
            if self.ladders[n].usual.is_some() && self.ladders[n].usual == calm[n] {
                state[n] = calm[n];
                continue;
            }
            let rungs = 0..self.ladders[n].rungs.len();
            state[n] = rungs.max_by_key(|rung| self.alarm(&with(calm, n, Some(*rung))));
            self.spent += self.ladders[n].rungs.len();
        }
        state
    }

    /// The level of each answer where everything else is at its best.
    fn alone(&mut self, calm: &State) -> Vec<Vec<Level>> {
        let of = |n: usize, rung: usize| self.alarm(&with(calm, n, Some(rung))).0;
        let levels: Vec<Vec<Level>> = (0..self.ladders.len())
            .map(|n| (0..self.ladders[n].rungs.len()).map(|rung| of(n, rung)).collect())
            .collect();
        self.spent += levels.iter().map(Vec::len).sum::<usize>();
        levels
    }

    /// What else is answered while the answer to one question gets worse.
    fn bases(&self, ladder: usize, calm: &State, worst: &State) -> Vec<State> {
        let unasked = |n: usize| !self.ladders[n].waits_for.is_empty();
        let without = (0..calm.len()).map(|n| if unasked(n) { None } else { calm[n] }).collect();
        let mut bases = vec![vec![None; calm.len()], calm.clone(), worst.clone(), without];
        let groups: Vec<BTreeSet<usize>> = self.groups(ladder);
        let partners: BTreeSet<usize> = groups.iter().flatten().copied().collect();
        for partner in partners {
            bases.push(with(calm, partner, None));
            let rungs = (0..self.ladders[partner].rungs.len()).filter(|rung| Some(*rung) != calm[partner]);
            bases.extend(rungs.map(|rung| with(calm, partner, Some(rung))));
        }
        for group in groups.iter().filter(|group| group.len() > 1) {
            let mut base = calm.clone();
            group.iter().for_each(|n| base[*n] = worst[*n]);
            bases.push(base);
        }
        bases
    }

    /// The other questions that each rule looks at together with one, and those that switch one another.
    fn groups(&self, ladder: usize) -> Vec<BTreeSet<usize>> {
        let own = &self.ladders[ladder];
        let others = || (0..self.ladders.len()).filter(|n| *n != ladder);
        let moved = (0..self.reads.len()).filter(|rule| self.is_moved(*rule, ladder));
        let together = |rule: usize| {
            others().filter(|n| self.reads[rule].texts.contains(&self.ladders[*n].link_id)).collect()
        };
        let switching = others().filter(|n| {
            own.waits_for.contains(&self.ladders[*n].link_id)
                || self.ladders[*n].waits_for.contains(&own.link_id)
        });
        let mut groups: Vec<BTreeSet<usize>> = moved.map(together).collect();
        groups.push(switching.collect());
        groups.sort();
        groups.dedup();
        groups
    }

    /// Other symptoms at the levels that rules over what fired count.
    fn bases_of_aggregates(
        &self,
        ladder: usize,
        calm: &State,
        worst: &State,
        alone: &[Vec<Level>],
    ) -> Vec<State> {
        let of = |level: Level| -> Vec<(usize, usize)> {
            let others = (0..alone.len()).filter(|n| *n != ladder);
            others.filter_map(|n| Some((n, alone[n].iter().position(|one| *one == level)?))).collect()
        };
        let mut bases = vec![calm.clone(), worst.clone()];
        let mut add = |some: &[(usize, usize)]| {
            let mut base = calm.clone();
            some.iter().for_each(|(n, rung)| base[*n] = Some(*rung));
            if !some.is_empty() {
                bases.push(base);
            }
        };
        let (jaune, orange) = (of(Level::Jaune), of(Level::Orange));
        for count in 1..=3 {
            add(&jaune[..count.min(jaune.len())]);
        }
        add(&jaune[jaune.len().saturating_sub(2)..]);
        add(&orange[..1.min(orange.len())]);
        add(&orange[orange.len().saturating_sub(1)..]);
        let mixed: Vec<_> = orange.iter().take(1).chain(jaune.iter().take(2)).copied().collect();
        add(&mixed);
        bases
    }

    /// The levels of each answer to one question on each base in each scene.
    fn rows(
        &mut self,
        protocol: &Protocol,
        ladder: usize,
        bases: &[State],
        scenes: usize,
        rows: &mut Vec<Row>,
    ) {
        let rungs = self.ladders[ladder].rungs.len();
        for base in bases {
            if self.spent >= self.most {
                return;
            }
            let states = (0..rungs).map(|rung| self.response(&with(base, ladder, Some(rung))));
            let responses = std::rc::Rc::new(states.collect::<Vec<_>>());
            for scene in 0..scenes {
                let judged =
                    responses.iter().map(|response| self.scenes[scene].judge(protocol, response).level);
                rows.push(Row { responses: responses.clone(), scene, levels: judged.collect() });
                self.spent += rungs;
            }
        }
    }

    /// Notes the worse answers that have a lower level in the eyes of the whole protocol too: for the same rules that are lost,
    /// the first that falls from highest.
    fn compare(&mut self, ladder: usize, rows: &[Row]) {
        let worse = if self.ladders[ladder].is_number {
            away_from_best(rows)
        } else {
            self.ladders[ladder].worse.clone()
        };
        let mut told: HashMap<Vec<usize>, (Level, Lowered)> = HashMap::new();
        for row in rows {
            for (better, worse) in
                worse.iter().filter(|(better, worse)| row.levels[*worse] < row.levels[*better])
            {
                if self.spent >= self.most {
                    break;
                }
                self.spent += 2;
                let scene = &self.scenes[row.scene];
                let before = self.judge(&row.responses[*better], scene);
                let after = self.judge(&row.responses[*worse], scene);
                let lost = super::lost(&before, &after);
                let known = told.get(&lost).is_some_and(|(level, _)| *level >= before.level);
                if after.level < before.level && !known {
                    let lowered = Lowered {
                        link_id: self.ladders[ladder].link_id.clone(),
                        before: row.responses[*better].clone(),
                        after: row.responses[*worse].clone(),
                        scene: row.scene,
                    };
                    told.insert(lost, (before.level, lowered));
                }
            }
        }
        let mut told: Vec<_> = told.into_iter().collect();
        told.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.found.extend(told.into_iter().map(|(_, (_, lowered))| lowered));
    }
}

/// The steps of a number away from its best value, on both sides: the value from which the level falls least often.
fn away_from_best(rows: &[Row]) -> Vec<(usize, usize)> {
    let count = rows.first().map_or(0, |row| row.levels.len());
    let steps = |best: usize| {
        let up = (best + 1..count).map(|n| (n - 1, n));
        let down = (0..best).rev().map(|n| (n + 1, n));
        up.chain(down).collect::<Vec<_>>()
    };
    let falls = |best: &usize| {
        let steps = steps(*best);
        let of = |row: &Row| steps.iter().filter(|(near, far)| row.levels[*far] < row.levels[*near]).count();
        rows.iter().map(of).sum::<usize>()
    };
    (0..count).min_by_key(falls).map(steps).unwrap_or_default()
}

fn with(state: &State, n: usize, rung: Option<usize>) -> State {
    let mut state = state.clone();
    state[n] = rung;
    state
}
