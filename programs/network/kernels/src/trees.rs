//! Decision trees.

use assay_network_plan::{Branching, Field, Step, TreeNode, Trees};

use crate::memory::{place, read_values, write_values, Arena, Memory};
use crate::tile::{product, range_len};
use crate::Fault;

/// As many nodes for each row of a tile are read at once; of a larger tree, only those on the way.
pub const NODES_PER_ROW: usize = 512;
/// The most nodes that are read at once.
pub const NODES_MAX: usize = 4096;

/// A node as it is stored.
type Record = [u8; TreeNode::LEN];

/// Computes a tile; see [`Trees`].
#[inline(never)]
pub fn run<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Trees, step: &Step) -> Result<(), Fault> {
    let rows = range_len([step.from[0], step.to[0]], op.rows)?;
    let trees = range_len([step.from[1], step.to[1]], op.trees)?;
    let [features, targets] = [op.features, op.targets].map(|len| len as usize);
    if [rows, trees, features, targets].contains(&0) {
        return Err(Fault::BadTile);
    }
    let [first_row, first_tree] = [step.from[0], step.from[1]].map(u64::from);
    let x = arena.take::<f32>(product(&[rows, features])?)?;
    read_values(memory, place(op.x, first_row, 4 * u64::from(op.features)), x);
    let sums = arena.zeros::<f32>(product(&[rows, targets])?)?;
    let out = place(op.out, first_row, 4 * u64::from(op.targets));
    if first_tree > 0 {
        read_values(memory, out, sums);
    }
    let starts = arena.take::<u32>(trees + 1)?;
    read_values(memory, place(op.starts, first_tree, 4), starts);
    for bounds in starts.windows(2) {
        let mut arena = arena.scope();
        let tree = Tree::load(memory, &mut arena, op, [bounds[0], bounds[1]], rows)?;
        for (row, sums) in x.chunks(features).zip(sums.chunks_mut(targets)) {
            let leaf = tree.leaf(memory, row, op.depth)?;
            add(memory, &mut arena, op, &leaf, sums)?;
        }
    }
    write_values(memory, out, sums);
    Ok(())
}

/// A tree, with its nodes if they are read at once.
struct Tree<'a> {
    address: u64,
    len: u32,
    nodes: Option<&'a [Record]>,
}

impl<'a> Tree<'a> {
    #[inline(never)]
    fn load<M: Memory>(
        memory: &mut M,
        arena: &mut Arena<'a>,
        op: &Trees,
        [start, end]: [u32; 2],
        rows: usize,
    ) -> Result<Self, Fault> {
        let len = end.checked_sub(start).filter(|len| *len <= op.largest);
        let len = len.ok_or(Fault::BadTile)?;
        let address = place(op.nodes, start.into(), TreeNode::LEN as u64);
        let most = rows.saturating_mul(NODES_PER_ROW).min(NODES_MAX);
        let nodes = if len as usize <= most {
            let nodes = arena.take::<u8>(len as usize * TreeNode::LEN)?;
            memory.read(address, nodes);
            Some(&*bytemuck::cast_slice_mut(nodes))
        } else {
            None
        };
        Ok(Self { address, len, nodes })
    }

    fn node<M: Memory>(&self, memory: &mut M, number: u32) -> Result<TreeNode, Fault> {
        let record = match self.nodes {
            Some(nodes) => *nodes.get(number as usize).ok_or(Fault::BadTile)?,
            None if number < self.len => {
                let mut record = [0; TreeNode::LEN];
                let address = place(self.address, number.into(), TreeNode::LEN as u64);
                memory.read(address, &mut record);
                record
            }
            None => return Err(Fault::BadTile),
        };
        Ok(TreeNode::get(&record)?)
    }

    /// The leaf that a row leads to, over as many nodes at most.
    #[inline(never)]
    fn leaf<M: Memory>(&self, memory: &mut M, row: &[f32], depth: u32) -> Result<TreeNode, Fault> {
        let mut number = 0;
        for _ in 0..depth {
            let node = self.node(memory, number)?;
            if matches!(node.branching, Branching::Leaf | Branching::Leaves) {
                return Ok(node);
            }
            let value = *row.get(node.index as usize).ok_or(Fault::BadTile)?;
            let next = if leads_on(&node, value) {
                number + 1
            } else {
                node.other
            };
            if next <= number {
                return Err(Fault::BadTile);
            }
            number = next;
        }
        Err(Fault::BadTile)
    }
}

/// Whether a feature leads to the next node.
fn leads_on(node: &TreeNode, value: f32) -> bool {
    let holds = match node.branching {
        Branching::LessEqual => value <= node.value,
        Branching::Less => value < node.value,
        Branching::GreaterEqual => value >= node.value,
        Branching::Greater => value > node.value,
        Branching::Equal => value == node.value,
        _ => value != node.value,
    };
    holds || (node.missing != 0 && value.is_nan())
}

/// Adds the weights of a leaf.
#[inline(never)]
fn add<M: Memory>(
    memory: &mut M,
    arena: &mut Arena,
    op: &Trees,
    leaf: &TreeNode,
    sums: &mut [f32],
) -> Result<(), Fault> {
    if leaf.branching == Branching::Leaf {
        *sums.get_mut(leaf.index as usize).ok_or(Fault::BadTile)? += leaf.value;
        return Ok(());
    }
    if leaf.other > op.widest {
        return Err(Fault::BadTile);
    }
    let weights = arena.scope().take::<u32>(product(&[leaf.other as usize, 2])?)?;
    read_values(memory, place(op.weights, leaf.index.into(), 8), weights);
    for [target, weight] in weights.as_chunks().0 {
        *sums.get_mut(*target as usize).ok_or(Fault::BadTile)? += f32::from_bits(*weight);
    }
    Ok(())
}
