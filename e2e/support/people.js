// Who the tests are: the people of the sample house, and one of another customer.
export const people = {
  owner: { email: 'anna@berg-studio.example' },
  admin: { email: 'operator@innkeeper.example' },
  concierge: { email: 'concierge@innkeeper.example' },
  other: { email: process.env.E2E_OTHER_EMAIL, password: 'roses are red and so on' },
};
