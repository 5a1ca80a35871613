use super::*;

fn hits(control: &FaultControl, fault: Fault, occasions: usize) -> Vec<bool> {
    (0..occasions).map(|_| control.strikes(fault)).collect()
}

#[test]
fn the_same_seed_gives_the_same_faults_and_each_kind_its_own() {
    let settings = FaultSettings {
        per_mille: Fault::ALL.into_iter().map(|fault| (fault, 250)).collect(),
        ..FaultSettings::default()
    };
    let (one, same, other) =
        (FaultControl::new(7, &settings), FaultControl::new(7, &settings), FaultControl::new(8, &settings));
    let first = hits(&one, Fault::TimeoutLands, 400);
    // Occasions of another kind in between change nothing.
    hits(&same, Fault::SlowAnswer, 33);
    assert_eq!(hits(&same, Fault::TimeoutLands, 400), first);
    assert_ne!(hits(&other, Fault::TimeoutLands, 400), first);
    let count = first.iter().filter(|hit| **hit).count();
    assert!((60..140).contains(&count), "about a quarter: {count}");
    assert_eq!(one.counts(), BTreeMap::from([(Fault::TimeoutLands, u64::try_from(count).unwrap())]));
}

#[test]
fn the_next_ones_happen_whatever_the_rate_and_clearing_ends_all() {
    let control = FaultControl::new(1, &FaultSettings::default());
    assert_eq!(hits(&control, Fault::ResetAfter, 5), [false; 5]);
    control.inject_next(Fault::ResetAfter, 2);
    assert_eq!(control.pending(), BTreeMap::from([(Fault::ResetAfter, 2)]));
    assert_eq!(hits(&control, Fault::ResetAfter, 3), [true, true, false]);
    control.set_rate(Fault::ResetAfter, 5_000);
    assert_eq!(control.rates(), BTreeMap::from([(Fault::ResetAfter, PER_MILLE_MAX)]));
    assert!(control.strikes(Fault::ResetAfter));
    control.clear();
    assert!(!control.strikes(Fault::ResetAfter));
    assert_eq!(control.counts()[&Fault::ResetAfter], 3);
}

#[test]
fn two_instances_take_turns() {
    let control = FaultControl::new(1, &FaultSettings::default());
    control.set_rate(Fault::SecondInstance, PER_MILLE_MAX);
    assert!(control.lags());
    assert_eq!([control.lag(), control.lag(), control.lag(), control.lag()], [3, 0, 3, 0]);
}

#[test]
fn names_are_those_of_the_json() {
    for fault in Fault::ALL {
        assert_eq!(fault.name().parse(), Ok(fault));
        assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
    }
    assert!("earthquake".parse::<Fault>().unwrap_err().to_string().contains("timeout_lands"));
}
