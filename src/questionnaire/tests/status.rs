//! What the status of a response allows to be missing.

use crate::json::{Value, json};

use super::{check_response, definition, response};

fn with_status(status: &str) -> Value {
    let mut response = response(
        &json!([{ "linkId": "g", "item": [{ "linkId": "n", "answer": [{ "valueInteger": 99 }] }] }]),
    );
    response["status"] = json!(status);
    response
}

fn demanding() -> Value {
    let occurs = "http://hl7.org/fhir/StructureDefinition/questionnaire-minOccurs";
    let most = "http://hl7.org/fhir/StructureDefinition/maxValue";
    definition(&json!([
        { "linkId": "g", "type": "group", "item": [
            { "linkId": "n", "type": "integer", "extension": [{ "url": most, "valueInteger": 10 }] },
            { "linkId": "r", "type": "string", "required": true },
        ] },
        { "linkId": "m", "type": "string", "repeats": true, "extension": [{ "url": occurs, "valueInteger": 2 }] },
    ]))
}

#[test]
fn an_unfinished_response_may_lack_answers_but_not_have_wrong_ones() {
    for status in ["in-progress", "stopped", "entered-in-error"] {
        check_response(
            &demanding(),
            &with_status(status),
            &["error maxValue item[0].item[0].answer[0].value"],
        );
    }
}

#[test]
fn a_finished_response_lacks_nothing() {
    for status in ["completed", "amended", "unheard-of"] {
        check_response(
            &demanding(),
            &with_status(status),
            &["error minCount", "error required item[0]", "error maxValue item[0].item[0].answer[0].value"],
        );
    }
}
