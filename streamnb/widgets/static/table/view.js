// The table on the page, with its rows, its sorting and where it was scrolled to, moves with the output's view.

const render = takingOver(Grid);

export default { render };
