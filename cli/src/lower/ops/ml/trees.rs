//! Ensembles of decision trees.

use std::collections::{HashMap, HashSet};

use assay_network_plan::{Branching, Field, Operation, TreeNode, Trees};

use super::super::super::context::Context;
use super::super::super::node::{invalid, length, unsupported, Lowers, Node, Problem};
use super::super::super::value::Value;
use super::features;
use super::scores::{above, best, labels, pair, Pair, Transform};
use crate::onnx::Tensor;
use crate::package::Dtype;

/// A tree's number and a node's number in it.
type Place = (i64, i64);

/// What a leaf adds to a target.
#[derive(Clone, Copy)]
struct Weight {
    target: usize,
    value: f32,
}

/// All trees of a node.
struct Ensemble {
    /// The number of each tree's first node, and of all nodes.
    starts: Vec<u32>,
    nodes: Vec<TreeNode>,
    /// The weights of leaves that have several.
    weights: Vec<Weight>,
    /// The most nodes of a tree, on a way, and the most weights of a leaf.
    most: [u32; 3],
    /// Targets that some leaf has a weight for.
    named: HashSet<usize>,
    /// Targets that every leaf of some tree has a weight for.
    certain: HashSet<usize>,
}

/// The names of the attributes that say what leaves add.
struct Names {
    trees: &'static str,
    nodes: &'static str,
    targets: &'static str,
    weights: &'static str,
}

const CLASSES: Names = Names {
    trees: "class_treeids",
    nodes: "class_nodeids",
    targets: "class_ids",
    weights: "class_weights",
};

const TARGETS: Names = Names {
    trees: "target_treeids",
    nodes: "target_nodeids",
    targets: "target_ids",
    weights: "target_weights",
};

/// The attributes of all nodes, one after the other.
struct Columns<'a> {
    places: Vec<Place>,
    modes: Vec<&'a str>,
    features: &'a [i64],
    values: &'a [f32],
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
    /// The number in these columns of each place.
    numbers: HashMap<Place, usize>,
    /// What the leaf at each place adds.
    weights: HashMap<Place, Vec<Weight>>,
}

impl<'a> Columns<'a> {
    fn of(node: &'a Node, names: &Names, targets: usize) -> Lowers<Self> {
        for name in [
            "nodes_values_as_tensor",
            "class_weights_as_tensor",
            "target_weights_as_tensor",
            "base_values_as_tensor",
        ] {
            if node.has(name) {
                return unsupported(format!("`{name}` is not supported: export the model in f32"));
            }
        }
        let ints = |name: &str| node.ints(name).unwrap_or_default();
        let (trees, nodes) = (ints("nodes_treeids"), ints("nodes_nodeids"));
        let columns = Self {
            places: trees.iter().copied().zip(nodes.iter().copied()).collect(),
            modes: node.texts("nodes_modes").unwrap_or_default(),
            features: ints("nodes_featureids"),
            values: node.floats("nodes_values").unwrap_or_default(),
            yes: ints("nodes_truenodeids"),
            no: ints("nodes_falsenodeids"),
            missing: ints("nodes_missing_value_tracks_true"),
            numbers: HashMap::new(),
            weights: weights(node, names, targets)?,
        };
        let count = columns.places.len();
        let lengths = [
            trees.len(),
            nodes.len(),
            columns.modes.len(),
            columns.features.len(),
            columns.values.len(),
            columns.yes.len(),
            columns.no.len(),
        ];
        let missing = columns.missing.len();
        if count == 0 || lengths.iter().any(|len| *len != count) || (missing != 0 && missing != count) {
            return invalid("its attributes `nodes_..` are not equally long");
        }
        let numbers: HashMap<Place, usize> = columns.places.iter().copied().zip(0..).collect();
        if numbers.len() != count {
            return invalid("a node is there twice");
        }
        if let Some((tree, node)) = columns.weights.keys().find(|place| !numbers.contains_key(place)) {
            return invalid(format!(
                "it has weights of node {node} of tree {tree}, which is not there"
            ));
        }
        Ok(Self { numbers, ..columns })
    }

    fn is_leaf(&self, number: usize) -> bool {
        self.modes[number] == "LEAF"
    }

    /// The node of the same tree that a node leads to.
    fn child(&self, number: usize, id: i64) -> Lowers<usize> {
        let (tree, node) = self.places[number];
        let missing = || {
            Problem::Invalid(format!(
                "node {node} of tree {tree} leads to {id}, which is not there"
            ))
        };
        self.numbers.get(&(tree, id)).copied().ok_or_else(missing)
    }

    /// The first node of each tree, the trees in the order in which they are first named.
    fn roots(&self) -> Lowers<Vec<usize>> {
        let mut children = vec![false; self.places.len()];
        for number in (0..self.places.len()).filter(|number| !self.is_leaf(*number)) {
            for id in [self.yes[number], self.no[number]] {
                children[self.child(number, id)?] = true;
            }
        }
        let mut seen = HashSet::new();
        let trees: Vec<i64> = self
            .places
            .iter()
            .map(|place| place.0)
            .filter(|tree| seen.insert(*tree))
            .collect();
        let mut roots: HashMap<i64, usize> = HashMap::new();
        for number in (0..self.places.len()).filter(|number| !children[*number]) {
            let tree = self.places[number].0;
            if roots.insert(tree, number).is_some() {
                return invalid(format!("tree {tree} has several roots"));
            }
        }
        let root = |tree: &i64| {
            let none = || Problem::Invalid(format!("tree {tree} has no root"));
            roots.get(tree).copied().ok_or_else(none)
        };
        trees.iter().map(root).collect()
    }
}

fn weights(node: &Node, names: &Names, targets: usize) -> Lowers<HashMap<Place, Vec<Weight>>> {
    let ints = |name: &str| node.ints(name).unwrap_or_default();
    let (trees, nodes, ids) = (ints(names.trees), ints(names.nodes), ints(names.targets));
    let values = node.floats(names.weights).unwrap_or_default();
    if [nodes.len(), ids.len(), values.len()]
        .iter()
        .any(|len| *len != trees.len())
    {
        return invalid("its attributes of weights are not equally long");
    }
    let mut weights: HashMap<Place, Vec<Weight>> = HashMap::new();
    for (((tree, node), id), value) in trees.iter().zip(nodes).zip(ids).zip(values) {
        let target = usize::try_from(*id).ok().filter(|id| *id < targets);
        let target =
            target.ok_or_else(|| Problem::Invalid(format!("there is no target {id} of {targets}")))?;
        let weight = Weight {
            target,
            value: *value,
        };
        weights.entry((*tree, *node)).or_default().push(weight);
    }
    Ok(weights)
}

impl Ensemble {
    fn of(columns: &Columns, features: usize) -> Lowers<Self> {
        let mut ensemble = Self {
            starts: vec![0],
            nodes: Vec::new(),
            weights: Vec::new(),
            most: [0, 0, 1],
            named: columns
                .weights
                .values()
                .flatten()
                .map(|weight| weight.target)
                .collect(),
            certain: HashSet::new(),
        };
        let mut seen = vec![false; columns.places.len()];
        for root in columns.roots()? {
            ensemble.tree(columns, root, features, &mut seen)?;
        }
        if let Some(number) = seen.iter().position(|seen| !seen) {
            let (tree, node) = columns.places[number];
            return invalid(format!("nothing leads to node {node} of tree {tree}"));
        }
        Ok(ensemble)
    }

    /// Appends a tree: each node, then what it leads to where its condition holds, then the rest.
    fn tree(&mut self, columns: &Columns, root: usize, features: usize, seen: &mut [bool]) -> Lowers<()> {
        let start = self.nodes.len();
        let mut certain: Option<HashSet<usize>> = None;
        // Nodes to come, with their depth and the node whose condition does not hold there.
        let mut next = vec![(root, 1, None)];
        while let Some((number, depth, parent)) = next.pop() {
            let (tree, node) = columns.places[number];
            if std::mem::replace(&mut seen[number], true) {
                return invalid(format!("several nodes lead to node {node} of tree {tree}"));
            }
            let own = self.nodes.len();
            if let Some(parent) = parent {
                let parent: usize = parent;
                self.nodes[parent].other = (own - start) as u32;
            }
            self.most[1] = self.most[1].max(depth);
            if columns.is_leaf(number) {
                let targets = self.leaf(columns.weights.get(&(tree, node)));
                certain = Some(match certain {
                    Some(certain) => certain.intersection(&targets).copied().collect(),
                    None => targets,
                });
                continue;
            }
            self.nodes.push(branch(columns, number, features)?);
            next.push((columns.child(number, columns.no[number])?, depth + 1, Some(own)));
            next.push((columns.child(number, columns.yes[number])?, depth + 1, None));
        }
        self.certain.extend(certain.unwrap_or_default());
        self.most[0] = self.most[0].max((self.nodes.len() - start) as u32);
        self.starts
            .push(u32::try_from(self.nodes.len()).map_err(|_| Problem::Memory)?);
        Ok(())
    }

    /// Appends a leaf. Weights of 0 change no sum. Returns the targets that it has weights for.
    fn leaf(&mut self, weights: Option<&Vec<Weight>>) -> HashSet<usize> {
        let weights = weights.map_or(&[][..], |weights| &weights[..]);
        let some: Vec<Weight> = weights
            .iter()
            .copied()
            .filter(|weight| weight.value != 0.0)
            .collect();
        let (branching, index, value, other) = match some[..] {
            [] => (Branching::Leaf, 0, 0.0, 0),
            [one] => (Branching::Leaf, one.target as u32, one.value, 0),
            _ => (
                Branching::Leaves,
                self.weights.len() as u32,
                0.0,
                some.len() as u32,
            ),
        };
        if branching == Branching::Leaves {
            self.most[2] = self.most[2].max(other);
            self.weights.extend(some);
        }
        self.nodes.push(TreeNode {
            branching,
            missing: 0,
            reserved: [0; 2],
            index,
            value,
            other,
        });
        weights.iter().map(|weight| weight.target).collect()
    }

    /// The sums of each row: `[rows, targets]`.
    fn sums(
        &self,
        context: &mut Context,
        x: &Value,
        [rows, features]: [usize; 2],
        targets: usize,
    ) -> Lowers<Value> {
        let mut nodes = vec![0; self.nodes.len() * TreeNode::LEN];
        for (node, bytes) in self.nodes.iter().zip(nodes.chunks_mut(TreeNode::LEN)) {
            node.put(bytes);
        }
        let starts: Vec<u8> = self.starts.iter().flat_map(|start| start.to_le_bytes()).collect();
        let weights: Vec<u8> = self
            .weights
            .iter()
            .flat_map(|weight| [(weight.target as u32).to_le_bytes(), weight.value.to_le_bytes()].concat())
            .collect();
        let x = context.dense(x)?;
        let out = context.allocate(Dtype::F32, &[rows, targets])?;
        let [nodes, starts, weights] = [
            context.store_once(&nodes)?,
            context.store_once(&starts)?,
            context.store_once(&weights)?,
        ];
        let [rows, features, targets, trees] = [rows, features, targets, self.trees()]
            .map(|len| u32::try_from(len).map_err(|_| Problem::Memory));
        context.push(Trees {
            x: x.address,
            nodes,
            starts,
            weights,
            out: out.address,
            rows: rows?,
            features: features?,
            trees: trees?,
            targets: targets?,
            largest: self.most[0],
            depth: self.most[1],
            widest: self.most[2],
        })?;
        Ok(out.into())
    }

    /// Whether each row has a sum of the same targets, whatever leaves it leads to.
    fn is_even(&self) -> bool {
        self.named == self.certain
    }

    fn trees(&self) -> usize {
        self.starts.len() - 1
    }
}

fn branch(columns: &Columns, number: usize, features: usize) -> Lowers<TreeNode> {
    let feature = usize::try_from(columns.features[number]).ok();
    let Some(feature) = feature.filter(|feature| *feature < features) else {
        return invalid(format!(
            "there is no feature {} of {features}",
            columns.features[number]
        ));
    };
    let branching = match columns.modes[number] {
        "BRANCH_LEQ" => Branching::LessEqual,
        "BRANCH_LT" => Branching::Less,
        "BRANCH_GTE" => Branching::GreaterEqual,
        "BRANCH_GT" => Branching::Greater,
        "BRANCH_EQ" => Branching::Equal,
        "BRANCH_NEQ" => Branching::NotEqual,
        other => return unsupported(format!("the mode `{other}` is not supported")),
    };
    Ok(TreeNode {
        branching,
        missing: u8::from(columns.missing.get(number).is_some_and(|missing| *missing != 0)),
        reserved: [0; 2],
        index: feature as u32,
        value: columns.values[number],
        other: 0,
    })
}

/// Adds a number to each column.
fn add_row(context: &mut Context, sums: &Value, row: &[f32]) -> Lowers<Value> {
    let row = Tensor::floats(&[row.len()], row).into();
    context.express(Dtype::F32, &[sums, &row], |e, v| {
        e.two(Operation::Add, v[0], v[1])
    })
}

pub fn regressor(node: &Node, context: &mut Context) -> Lowers<Value> {
    let targets = length(node.int("n_targets", 1))?;
    let (x, shape) = features(node, context)?;
    let columns = Columns::of(node, &TARGETS, targets)?;
    let ensemble = Ensemble::of(&columns, shape[1])?;
    let mut sums = ensemble.sums(context, &x, shape, targets)?;
    match node.text("aggregate_function").unwrap_or("SUM") {
        "SUM" => {}
        "AVERAGE" => {
            let trees = ensemble.trees() as f32;
            sums = context.express(Dtype::F32, &[&sums], |e, v| {
                let trees = e.float(trees);
                e.two(Operation::Div, v[0], trees)
            })?;
        }
        other => return unsupported(format!("the aggregate_function `{other}` is not supported")),
    }
    let base = node.floats("base_values").unwrap_or_default();
    if !base.is_empty() {
        if base.len() != targets {
            return invalid(format!(
                "its {} base values are not one for each of {targets} targets",
                base.len()
            ));
        }
        if targets > 1 && !ensemble.is_even() {
            return unsupported("base values of targets that not every leaf has are not supported");
        }
        // A target without a sum has no base value either.
        let named = |target: &usize| targets == 1 || ensemble.named.contains(target);
        let base: Vec<f32> = (0..targets)
            .map(|target| if named(&target) { base[target] } else { 0.0 })
            .collect();
        sums = add_row(context, &sums, &base)?;
    }
    match targets {
        1 => Ok(sums),
        _ => Transform::of(node)?.apply(context, &sums),
    }
}

/// The class of each row, and the scores of all classes.
pub fn classifier(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let labels = labels(node, "classlabels_int64s")?;
    let transform = Transform::of(node)?;
    let (x, shape) = features(node, context)?;
    let columns = Columns::of(node, &CLASSES, labels.len())?;
    let ensemble = Ensemble::of(&columns, shape[1])?;
    let base = node.floats("base_values").unwrap_or_default();
    if let Ok(labels) = <[i64; 2]>::try_from(&labels[..]) {
        return of_two(context, &columns, &ensemble, (&x, shape), labels, base, transform);
    }
    if !base.is_empty() && base.len() != labels.len() {
        return invalid(format!(
            "its {} base values are not one for each of {} classes",
            base.len(),
            labels.len()
        ));
    }
    let positive = columns
        .weights
        .values()
        .flatten()
        .all(|weight| weight.value >= 0.0);
    if base.is_empty() && !positive && !ensemble.is_even() {
        return unsupported("negative weights of classes that not every leaf has are not supported");
    }
    let mut sums = ensemble.sums(context, &x, shape, labels.len())?;
    if !base.is_empty() {
        sums = add_row(context, &sums, base)?;
    }
    let sums = context.shared(&sums)?;
    let mut seen = sums.clone();
    if base.is_empty() && ensemble.named.len() < labels.len() {
        // A class without a sum is never the best.
        let never = |class: usize| match ensemble.named.contains(&class) {
            true => 0.0,
            false => f32::NEG_INFINITY,
        };
        let row: Vec<f32> = (0..labels.len()).map(never).collect();
        seen = add_row(context, &sums, &row)?;
    }
    let label = best(context, &seen, &labels)?;
    Ok(vec![label, transform.apply(context, &sums)?])
}

/// Two classes. Where all weights are of one class they make one sum, and what the other class has follows from it, by
/// the rules that onnxruntime has for it.
fn of_two(
    context: &mut Context,
    columns: &Columns,
    ensemble: &Ensemble,
    (x, shape): (&Value, [usize; 2]),
    labels: [i64; 2],
    base: &[f32],
    transform: Transform,
) -> Lowers<Vec<Value>> {
    let all = || columns.weights.values().flatten();
    let single = all().all(|weight| weight.target == 0);
    let sums = ensemble.sums(context, x, shape, 2)?;
    let column = |context: &mut Context, sums: &Value, at: i64| {
        context.view(sums, |layout| layout.sliced(1, at, 1, 1))
    };
    if !single {
        // Of both classes: both sums are scores.
        if !ensemble.certain.contains(&1) || base.len() > 1 || all().all(|weight| weight.target == 1) {
            return unsupported("weights of two classes that not every leaf has are not supported");
        }
        let sums = match base {
            [base] => add_row(context, &sums, &[*base, 0.0])?,
            _ => sums,
        };
        let sums = context.shared(&sums)?;
        let second = column(context, &sums, 1)?;
        let label = above(context, &second, 0.0, [0, 1])?;
        return Ok(vec![label, transform.apply(context, &sums)?]);
    }
    let positive = all().all(|weight| weight.value >= 0.0);
    let bound = if positive { 0.5 } else { 0.0 };
    let first = column(context, &sums, 0)?;
    if let [first_base, _] = *base {
        // The second class has no sum, so that its base value does not count.
        let sums = add_row(context, &sums, &[first_base, 0.0])?;
        let sums = context.shared(&sums)?;
        let first = column(context, &sums, 0)?;
        let label = above(context, &first, bound, labels)?;
        return Ok(vec![label, transform.apply(context, &sums)?]);
    }
    let sum = match base {
        [base] => add_row(context, &first, &[*base])?,
        [] => first,
        _ => return invalid("its base values are more than its classes"),
    };
    let sum = context.shared(&sum)?;
    let label = above(context, &sum, bound, labels)?;
    let scores = match (positive, transform) {
        (_, Transform::Logistic) => Pair::Logistic,
        (true, _) => Pair::Complement,
        (false, _) => Pair::Opposite,
    };
    Ok(vec![label, pair(context, &sum, scores)?])
}
